import { createHash, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';

/** The console of a platform that mints keys for servers like ours, with somebody signed in to it in every browser. */
export interface ProviderConsole {
  env: Record<string, string>;
  /** Keys that were minted. */
  minted: string[];
  close(): Promise<void>;
}

interface Request {
  challenge: string;
  callbackUrl: string;
  proof?: string | undefined;
}

export async function openConsole(): Promise<ProviderConsole> {
  const requests = new Map<string, Request>();
  const minted: string[] = [];
  const server = createServer(async (request, response) => {
    const url = new URL(request.url ?? '/', 'http://127.0.0.1');
    const body = await readText(request);
    const json = (status: number, value: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    };
    if (url.pathname === '/requests') {
      const { challenge, callback_url: callbackUrl } = JSON.parse(body);
      const id = randomBytes(12).toString('hex');
      requests.set(id, { challenge, callbackUrl });
      return json(200, { request_id: id });
    }
    if (url.pathname === '/claims') return json(...claim(requests, minted, JSON.parse(body)));
    const asked = requests.get(url.searchParams.get('request_id') ?? '');
    if (asked === undefined) return json(404, {});
    if (url.pathname === '/approve') {
      asked.proof = randomBytes(24).toString('base64url');
      const back = new URL(asked.callbackUrl);
      back.searchParams.set('state', url.searchParams.get('state') ?? '');
      back.searchParams.set('proof', asked.proof);
      return void response.writeHead(303, { location: back.href }).end();
    }
    const action = `/approve${url.search}`.replaceAll('&', '&amp;');
    response.setHeader('content-type', 'text/html');
    response.end(`<!doctype html><h1>Console</h1><a href="${action}">Approve</a>`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const base = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  return {
    env: {
      AUTH_DRIVERS: 'handoff',
      HANDOFF_PROVIDER: 'runpod',
      HANDOFF_TITLE: 'Runpod',
      HANDOFF_CONSOLE_URL: `${base}/connect`,
      HANDOFF_REQUEST_URL: `${base}/requests`,
      HANDOFF_CLAIM_URL: `${base}/claims`,
    },
    minted,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Once, for whoever has the proof and the verifier. */
function claim(
  requests: Map<string, Request>,
  minted: string[],
  { request_id: id, proof, verifier }: Record<string, string>,
): [number, unknown] {
  const asked = requests.get(id ?? '');
  const challenge = createHash('sha256')
    .update(verifier ?? '')
    .digest('base64url');
  if (asked?.proof === undefined || asked.proof !== proof || asked.challenge !== challenge) return [403, {}];
  requests.delete(id ?? '');
  const key = `rpa_${randomBytes(16).toString('hex')}`;
  minted.push(key);
  return [200, { api_key: key, account_id: 'user-1', account: 'grace@runpod.example' }];
}

async function readText(request: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}
