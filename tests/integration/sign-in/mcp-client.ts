import { createHash, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { waitFor } from '@inferry/testing';

/** A client on this computer: it listens on loopback for the code, as Claude Code and mcp-remote do. */
export interface LoopbackClient {
  redirectUri: string;
  /** What arrives next, or what arrived since it was last asked. */
  next(): Promise<URL>;
  /** What arrived and was not asked for yet. */
  arrivals: readonly URL[];
  close(): Promise<void>;
}

export async function openLoopbackClient(): Promise<LoopbackClient> {
  const arrivals: URL[] = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://127.0.0.1');
    if (url.pathname === '/callback') arrivals.push(url);
    response.setHeader('content-type', 'text/html');
    response.end('<!doctype html><title>Back</title><h1>Back in the client</h1>');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const redirectUri = `http://127.0.0.1:${port}/callback`;
  return {
    redirectUri,
    arrivals,
    async next() {
      await waitFor(() => arrivals.length > 0, {
        what: 'the browser to be back at the client',
        timeoutMs: 20_000,
      });
      const [url = new URL(redirectUri)] = arrivals.splice(0, 1);
      return url;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export interface Registration {
  clientId: string;
  verifier: string;
  /** Where a person begins. */
  authorizeUrl: string;
}

/** Registers a client at the server, and prepares one authorization request of it. */
export async function registerClient(
  issuer: string,
  options: { name?: string; redirectUri: string; scope?: string; state?: string },
): Promise<Registration> {
  const { name = 'Claude Code', redirectUri, scope, state = 'state of the client' } = options;
  const response = await fetch(`${issuer}/oauth/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ client_name: name, redirect_uris: [redirectUri] }),
  });
  const body: unknown = await response.json();
  if (typeof body !== 'object' || body === null || !('client_id' in body))
    throw new Error(`not registered: ${response.status} ${JSON.stringify(body)}`);
  const clientId = String(body.client_id);
  const verifier = randomBytes(32).toString('base64url');
  const url = new URL(`${issuer}/oauth/authorize`);
  const query = {
    response_type: 'code',
    client_id: clientId,
    redirect_uri: redirectUri,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    state,
    ...(scope === undefined ? {} : { scope }),
  };
  for (const [key, value] of Object.entries(query)) url.searchParams.set(key, value);
  return { clientId, verifier, authorizeUrl: url.href };
}

/** Trades a code for tokens. */
export async function redeem(
  issuer: string,
  { clientId, verifier }: Registration,
  { arrival, redirectUri }: { arrival: URL | undefined; redirectUri: string },
): Promise<{ access_token?: string; scope?: string }> {
  const response = await fetch(`${issuer}/oauth/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      code: arrival?.searchParams.get('code') ?? '',
      redirect_uri: redirectUri,
      client_id: clientId,
      code_verifier: verifier,
    }),
  });
  // as: the answer of a token endpoint (RFC 6749, section 5.1).
  return (await response.json()) as { access_token?: string; scope?: string };
}
