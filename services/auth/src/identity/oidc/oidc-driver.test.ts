import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createOidcDriver } from './oidc-driver.ts';

const issuer = 'http://idp.example';
let proxy: Server;
let asked: (string | undefined)[];

beforeEach(async () => {
  asked = [];
  const metadata = {
    issuer,
    ...{ authorization_endpoint: `${issuer}/authorize`, token_endpoint: `${issuer}/token` },
    ...{ jwks_uri: `${issuer}/keys`, response_types_supported: ['code'] },
  };
  proxy = createServer((request, response) => {
    asked.push(request.url);
    response.setHeader('content-type', 'application/json').end(JSON.stringify(metadata));
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const address = proxy.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  vi.stubEnv('HTTP_PROXY', `http://127.0.0.1:${port}`);
});
afterEach(() => {
  vi.unstubAllEnvs();
  proxy.closeAllConnections();
  proxy.close();
});

it('asks its provider through the proxy of the environment', async () => {
  const options = { issuer, clientId: 'inferry', scopes: 'openid', label: 'Work', allowedDomains: [] };
  const driver = createOidcDriver(options);

  const { url } = await driver.begin({
    state: 'state',
    callbackUrl: 'https://ai.example/oauth/callback/oidc',
    signal: AbortSignal.timeout(60_000),
  });

  expect(url).toMatch(/^http:\/\/idp\.example\/authorize\?/);
  expect(asked).toEqual([`${issuer}/.well-known/openid-configuration`]);
});
