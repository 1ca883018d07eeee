/** Runpod's console and the backend behind its sign-in: requests that guests make, people approve, and keys are minted for. */
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

export interface RunpodConsole {
  url: string;
  /** What a deployment needs to sign people in here. */
  env: Record<string, string>;
  /** Every GraphQL document that came, with the bearer that it came with. */
  asked: { query: string; bearer: string | undefined }[];
  /** Keys that were minted, in order. */
  minted: string[];
  /** What requests become that nobody has decided about. */
  expire(): void;
  /** Approvals are known to the backend only after so many reads. */
  lagReads: number;
  /** A backend of before keys had names: it refuses the argument. */
  takesNoName: boolean;
  close(): Promise<void>;
}

interface FlashRequest {
  status: 'PENDING' | 'APPROVED' | 'DENIED' | 'EXPIRED' | 'CONSUMED';
  reads: number;
  key?: string;
}

export interface RunpodConsoleOptions {
  /** The key that an approval mints; default: a new one each time. */
  mint?(): string;
  port?: number;
}

export async function openRunpodConsole({
  mint = () => `rpa_${randomBytes(16).toString('hex')}`,
  port = 0,
}: RunpodConsoleOptions = {}): Promise<RunpodConsole> {
  const requests = new Map<string, FlashRequest>();
  const told: Pick<RunpodConsole, 'asked' | 'minted' | 'lagReads' | 'takesNoName'> = {
    ...{ asked: [], minted: [], lagReads: 0, takesNoName: false },
  };
  const server = createServer((request, response) => {
    answer({ requests, mint, site }, request, response).catch(() => response.writeHead(500).end());
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  const site: RunpodConsole = Object.assign(told, {
    url,
    env: { AUTH_DRIVERS: 'runpod', RUNPOD_GRAPHQL_URL: `${url}/graphql`, CONSOLE_BASE_URL: url },
    expire() {
      for (const one of requests.values()) if (one.status === 'PENDING') one.status = 'EXPIRED';
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
  return site;
}

interface Parts {
  requests: Map<string, FlashRequest>;
  mint(): string;
  site: RunpodConsole;
}

async function answer(parts: Parts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', parts.site.url);
  if (url.pathname === '/graphql') return graphql(parts, request, response);
  const asked = parts.requests.get(url.searchParams.get('request') ?? '');
  if (url.pathname === '/integrations/mcp/login' && asked !== undefined) {
    const link = (decision: string) => `/decide${url.search}&decision=${decision}`.replaceAll('&', '&amp;');
    response.setHeader('content-type', 'text/html');
    response.end(
      `<!doctype html><h1>Runpod</h1><a href="${link('approve')}">Approve</a> <a href="${link('deny')}">Deny</a>`,
    );
    return;
  }
  if (url.pathname === '/decide' && asked !== undefined) return decide(parts, { url, asked, response });
  response.writeHead(404).end();
}

/** Mints at approval, and sends the browser back with the request as the code. */
function decide(
  { mint, site }: Parts,
  { url, asked, response }: { url: URL; asked: FlashRequest; response: ServerResponse },
): void {
  const back = new URL(url.searchParams.get('redirect_uri') ?? '');
  back.searchParams.set('state', url.searchParams.get('state') ?? '');
  if (url.searchParams.get('decision') === 'deny') {
    asked.status = 'DENIED';
    back.searchParams.set('error', 'access_denied');
  } else if (asked.status === 'PENDING') {
    asked.status = 'APPROVED';
    asked.key = mint();
    site.minted.push(asked.key);
  }
  if (asked.status !== 'DENIED') back.searchParams.set('code', url.searchParams.get('request') ?? '');
  response.writeHead(302, { location: back.href }).end();
}

async function graphql(
  { requests, site }: Parts,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  // as: the body of a GraphQL request over HTTP.
  const { query } = JSON.parse(Buffer.concat(chunks).toString('utf8')) as { query: string };
  const bearer = request.headers.authorization?.replace(/^Bearer /, '');
  site.asked.push({ query, bearer });
  const say = (body: object) =>
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  if (query.includes('createFlashAuthRequest')) {
    if (site.takesNoName && query.includes('apiKeyName'))
      return void say({ errors: [{ message: 'Unknown argument "apiKeyName"' }] });
    const id = randomBytes(12).toString('hex');
    requests.set(id, { status: 'PENDING', reads: 0 });
    return void say({ data: { createFlashAuthRequest: { id, status: 'PENDING' } } });
  }
  if (query.includes('myself')) {
    const isKnown = bearer !== undefined && site.minted.includes(bearer);
    return void say({ data: { myself: isKnown ? { id: 'user_1' } : null } });
  }
  const id = /flashAuthRequestId: "(\w+)"/.exec(query)?.[1] ?? '';
  const asked = requests.get(id);
  if (asked === undefined) return void say({ errors: [{ message: 'no such request' }] });
  asked.reads += 1;
  const isKnown = asked.status !== 'APPROVED' || asked.reads > site.lagReads;
  const status = isKnown ? asked.status : 'PENDING';
  const apiKey = status === 'APPROVED' ? asked.key : null;
  // The key is given once.
  if (status === 'APPROVED') asked.status = 'CONSUMED';
  say({ data: { flashAuthRequestStatus: { id, status, apiKey } } });
}
