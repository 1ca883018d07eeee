// Holds what tokens are for: a mount, or the whole deployment; and the issuer that the host of a profile is.
import { request } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nextOf, TestBrowser } from './testing/browser.ts';
import {
  authorizeUrl,
  claimsOf,
  codeForm,
  form,
  pkce,
  post,
  refreshForm,
  register,
  signIn,
  tokensOf,
} from './testing/client.ts';
import { type OAuthUnderTest, openOAuth } from './testing/open-oauth.ts';

let oauth: OAuthUnderTest;
/** The same replicas by the name that belongs to a profile. */
let host: string;
let clientId: string;

beforeEach(async () => {
  oauth = await openOAuth({
    settings: (url) => ({
      profileHosts: [{ host: new URL(url).host.replace('127.0.0.1', 'localhost'), profile: 'runware' }],
    }),
  });
  host = oauth.url.replace('127.0.0.1', 'localhost');
  clientId = await register(oauth.url);
});
afterEach(async () => {
  expect(oauth.faults).toEqual([]);
  await oauth.close();
});

describe('a token for a mount', () => {
  it.each(['/mcp/runflow', '/mcp/runflow/', '/mcp/runflow/x/run/readonly', '/mcp/runflow?exclude=generate'])(
    'names it alone, however the client spells it: %s (RFC 8707)',
    async (path) => {
      const tokens = await tokensOf(oauth.url, { clientId, params: { resource: `${oauth.url}${path}` } });
      const refreshed = await post(`${oauth.url}/oauth/token`, refreshForm(clientId, tokens.refresh_token));

      expect(claimsOf(tokens).aud).toBe(`${oauth.url}/mcp/runflow`);
      expect(claimsOf(refreshed.body).aud).toBe(`${oauth.url}/mcp/runflow`);
    },
  );

  it.each(['/mcp', '/mcp/runware'])('is not turned into one for %s', async (path) => {
    const resource = `${oauth.url}/mcp/runflow`;
    const { callback, verifier } = await signIn(oauth.url, { clientId, params: { resource } });
    const code = callback.searchParams.get('code') ?? '';

    const redeemed = await post(
      `${oauth.url}/oauth/token`,
      form({ ...Object.fromEntries(codeForm(clientId, code, verifier)), resource: `${oauth.url}${path}` }),
    );

    expect([redeemed.status, redeemed.body.error]).toEqual([400, 'invalid_target']);
  });
});

describe('the host of a profile', () => {
  it('is an issuer: its documents, its pages and its tokens say its own name [RW-40]', async () => {
    const metadata = await (await fetch(`${host}/.well-known/oauth-authorization-server`)).json();
    const { callback, verifier, page } = await signIn(host, { clientId, params: { resource: `${host}/` } });
    const code = callback.searchParams.get('code') ?? '';
    const { body } = await post(`${host}/oauth/token`, codeForm(clientId, code, verifier));

    expect(metadata).toMatchObject({
      issuer: host,
      authorization_endpoint: `${host}/oauth/authorize`,
      token_endpoint: `${host}/oauth/token`,
    });
    expect(new URL(page.url).origin).toBe(host);
    expect(callback.searchParams.get('iss')).toBe(host);
    expect(claimsOf(body)).toMatchObject({ iss: host, aud: `${oauth.url}/mcp/runware` });
  });

  it.each(['', '/', '/mcp', '/mcp/', '/mcp/x/run', undefined])(
    'gives tokens for its profile, however the client names it: %s',
    async (path) => {
      const resource = path === undefined ? undefined : `${host}${path}`;

      const tokens = await tokensOf(host, { clientId, params: { resource } });

      expect(claimsOf(tokens).aud).toBe(`${oauth.url}/mcp/runware`);
    },
  );

  it.each(['/mcp', '/mcp/runflow'])('gives none for what else there is: %s', async (path) => {
    const { challenge } = pkce();
    const url = authorizeUrl(host, {
      ...{ client_id: clientId, code_challenge: challenge },
      resource: `${oauth.url}${path}`,
    });

    const page = await new TestBrowser(host).open(url);

    expect(nextOf(page).searchParams.get('error')).toBe('invalid_target');
  });

  it('is one with the deployment: what is signed there ends here, and the other way', async () => {
    const tokens = await tokensOf(host, { clientId });

    await post(`${oauth.url}/oauth/revoke`, form({ client_id: clientId, token: tokens.refresh_token }));
    const refreshed = await post(`${host}/oauth/token`, refreshForm(clientId, tokens.refresh_token));

    expect(oauth.revoked).toEqual([claimsOf(tokens).gid]);
    expect(refreshed.body.error).toBe('invalid_grant');
  });

  it('ends a grant by its access token too', async () => {
    const tokens = await tokensOf(host, { clientId });

    await post(`${host}/oauth/revoke`, form({ client_id: clientId, token: tokens.access_token }));

    expect(oauth.revoked).toEqual([claimsOf(tokens).gid]);
  });

  it('is known in upper case and with a dot at its end; any other name is the deployment', async () => {
    const { port } = new URL(host);

    expect(await issuerBy(`LocalHost.:${port}`)).toBe(host);
    expect(await issuerBy(`localhost.evil.example:${port}`)).toBe(oauth.url);
  });
});

/** Whom the metadata names for this value of the Host header. */
function issuerBy(name: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const url = `${oauth.url}/.well-known/oauth-authorization-server`;
    const asking = request(url, { headers: { host: name } }, (answer) => {
      let text = '';
      answer.on('data', (chunk) => {
        text += chunk;
      });
      answer.on('end', () => resolve(JSON.parse(text).issuer));
    });
    asking.on('error', reject);
    asking.end();
  });
}
