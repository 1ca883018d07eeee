import { createHash, randomBytes } from 'node:crypto';
import { decodeJwt, type JWTPayload } from 'jose';
import { nextOf, type Page, TestBrowser } from './browser.ts';

export const redirectUri = 'http://127.0.0.1:43110/callback';

export interface Tokens {
  access_token: string;
  refresh_token: string;
  expires_in: number;
  scope: string;
  token_type: string;
}

export interface Answer {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape.
  body: any;
}

/** Sends a form or JSON and reads the JSON that comes back, if any does. */
export async function post(
  url: string,
  body: Record<string, string> | URLSearchParams | object,
  headers = {},
): Promise<Answer> {
  const isForm = body instanceof URLSearchParams;
  const response = await fetch(url, {
    method: 'POST',
    body: isForm ? body : JSON.stringify(body),
    headers: { ...(isForm ? {} : { 'content-type': 'application/json' }), ...headers },
  });
  return toAnswer(response);
}

export async function toAnswer(response: Response): Promise<Answer> {
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: text.startsWith('{') ? JSON.parse(text) : text,
  };
}

export function form(fields: Record<string, string>): URLSearchParams {
  return new URLSearchParams(fields);
}

/** Registers a client and returns its id. */
export async function register(url: string, metadata: object = {}): Promise<string> {
  const { status, body } = await post(`${url}/oauth/register`, {
    client_name: 'Test client',
    redirect_uris: [redirectUri],
    ...metadata,
  });
  if (status !== 201) throw new Error(`Not registered: ${status} ${JSON.stringify(body)}`);
  return body.client_id;
}

export interface Pkce {
  verifier: string;
  challenge: string;
}

export function pkce(): Pkce {
  const verifier = randomBytes(32).toString('base64url');
  return { verifier, challenge: createHash('sha256').update(verifier).digest('base64url') };
}

export function authorizeUrl(url: string, params: Record<string, string | undefined>): string {
  const query = new URLSearchParams();
  const all = {
    response_type: 'code',
    redirect_uri: redirectUri,
    code_challenge_method: 'S256',
    state: 'the state',
    ...params,
  };
  for (const [name, value] of Object.entries(all)) if (value !== undefined) query.append(name, value);
  return `${url}/oauth/authorize?${query}`;
}

export interface CodeRequest {
  clientId: string;
  scopes?: string[];
  params?: Record<string, string | undefined>;
  browser?: TestBrowser;
  subject?: string;
}

/** Goes through the whole sign-in and returns what the client is called back with. */
export async function signIn(
  url: string,
  request: CodeRequest,
): Promise<{ callback: URL; verifier: string; page: Page }> {
  const { verifier, challenge } = pkce();
  const browser = request.browser ?? new TestBrowser(url);
  const consent = await browser.open(
    authorizeUrl(url, { client_id: request.clientId, code_challenge: challenge, ...request.params }),
  );
  if (consent.status !== 200) throw new Error(`No consent page: ${consent.status} ${consent.html}`);
  const page = await browser.submit(consent, {
    name: request.subject ?? 'ada',
    scope: request.scopes ?? ['mcp'],
    decision: 'allow',
  });
  return { callback: nextOf(page), verifier, page };
}

export function codeForm(clientId: string, code: string, verifier: string): URLSearchParams {
  return form({
    grant_type: 'authorization_code',
    client_id: clientId,
    code,
    code_verifier: verifier,
    redirect_uri: redirectUri,
  });
}

export function refreshForm(clientId: string, token: string): URLSearchParams {
  return form({ grant_type: 'refresh_token', client_id: clientId, refresh_token: token });
}

/** A sign-in up to its tokens. */
export async function tokensOf(url: string, request: CodeRequest): Promise<Tokens> {
  const { callback, verifier } = await signIn(url, request);
  const code = callback.searchParams.get('code') ?? '';
  const { status, body } = await post(`${url}/oauth/token`, codeForm(request.clientId, code, verifier));
  if (status !== 200) throw new Error(`No tokens: ${status} ${JSON.stringify(body)}`);
  return body;
}

export function claimsOf({ access_token: token }: Tokens): JWTPayload {
  return decodeJwt(token);
}
