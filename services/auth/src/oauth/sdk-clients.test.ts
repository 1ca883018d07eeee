import { auth as authOfNow } from '@modelcontextprotocol/client';
import { auth as authOfBefore } from '@modelcontextprotocol/sdk/client/auth.js';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { claimsOf, redirectUri, type Tokens } from './testing/client.ts';
import { type DocumentHost, startDocumentHost } from './testing/document-host.ts';
import { type OAuthUnderTest, openOAuth } from './testing/open-oauth.ts';
import { ScriptedApplication, withResourceMetadata } from './testing/sdk-client.ts';

let oauth: OAuthUnderTest;
let host: DocumentHost;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  host = await startDocumentHost();
  oauth = await openOAuth({ documents: host.options });
});
afterEach(async () => {
  expect(oauth.faults).toEqual([]);
  await oauth.close();
  await host.close();
  vi.useRealTimers();
});

interface Step {
  code?: string;
  iss?: string;
  scope?: string;
  isStepUp?: boolean;
}

/** One call of an SDK's `auth`. */
type Authorize = (application: ScriptedApplication, step?: Step) => Promise<string>;

const sdks: [string, Authorize][] = [
  [
    'the SDK of now (2.4)',
    (application, { code, iss, scope, isStepUp } = {}) =>
      authOfNow(application, {
        serverUrl: `${oauth.url}/mcp`,
        fetchFn: withResourceMetadata(oauth.url),
        ...(code === undefined ? {} : { authorizationCode: code }),
        ...(iss === undefined ? {} : { iss }),
        ...(scope === undefined ? {} : { scope }),
        ...(isStepUp === true ? { forceReauthorization: true } : {}),
      }),
  ],
  [
    'the SDK of before (1.32)',
    (application, { code, scope } = {}) =>
      authOfBefore(application, {
        serverUrl: `${oauth.url}/mcp`,
        fetchFn: withResourceMetadata(oauth.url),
        ...(code === undefined ? {} : { authorizationCode: code }),
        ...(scope === undefined ? {} : { scope }),
      }),
  ],
];

async function complete(
  authorize: Authorize,
  application: ScriptedApplication,
  step: Step = {},
): Promise<Tokens> {
  const first = await authorize(application, step);
  const query = application.callback?.searchParams;
  const second = await authorize(application, {
    code: query?.get('code') ?? '',
    iss: query?.get('iss') ?? '',
  });
  expect([first, second]).toEqual(['REDIRECT', 'AUTHORIZED']);
  // as: the tokens that the SDK has just saved.
  return application.saved as unknown as Tokens;
}

describe.each(sdks)('%s', (name, authorize) => {
  it('registers itself, signs in and refreshes [MR-02][MR-03][MR-06]', async () => {
    const application = new ScriptedApplication(oauth.url);

    const tokens = await complete(authorize, application);
    const refreshed = await authorize(application);

    expect(refreshed).toBe('AUTHORIZED');
    expect(application.registrations).toBe(1);
    expect(application.saved?.access_token).not.toBe(tokens.access_token);
    expect(claimsOf(tokens)).toMatchObject({ sub: 'ada', scope: 'mcp', aud: `${oauth.url}/mcp` });
  });

  it('is known by its document, without a registration', async () => {
    const clientId = host.serve('/client.json', (url) => ({
      client_id: url,
      client_name: 'SDK client',
      redirect_uris: [redirectUri],
    }));
    const application = new ScriptedApplication(oauth.url, clientId);

    const tokens = await complete(authorize, application);

    expect(claimsOf(tokens).client_id).toBe(clientId);
    await expect(oauth.database.queries.selectFrom('oauth_clients').selectAll().execute()).resolves.toEqual(
      [],
    );
  });

  it('registers again when this server has forgotten it', async () => {
    const application = new ScriptedApplication(oauth.url);
    await complete(authorize, application);
    const before = application.information?.client_id;
    await oauth.database.queries.deleteFrom('oauth_clients').execute();
    // Registrations are read again after a moment.
    vi.setSystemTime(Date.now() + 11_000);

    // It refreshes, hears `invalid_client`, forgets its registration and begins anew.
    const tokens = await complete(authorize, application);

    expect(application.registrations).toBe(2);
    expect(application.information?.client_id).not.toBe(before);
    expect(claimsOf(tokens).sub).toBe('ada');
  });

  it('signs in again when its grant was revoked', async () => {
    const application = new ScriptedApplication(oauth.url);
    const tokens = await complete(authorize, application);
    await oauth.engines[0]?.killGrant(String(claimsOf(tokens).gid));

    const next = await complete(authorize, application);

    expect(claimsOf(next).gid).not.toBe(claimsOf(tokens).gid);
    expect(application.registrations).toBe(1);
  });

  it('steps up to a wider scope', async () => {
    const application = new ScriptedApplication(oauth.url);
    const narrow = await complete(authorize, application, { scope: 'models:read' });
    // The old SDK refreshes as long as it can, and a refresh cannot widen.
    if (name.includes('1.32')) application.invalidateCredentials('tokens');

    const wide = await complete(authorize, application, { scope: 'models:read runs:write', isStepUp: true });

    expect([narrow.scope, wide.scope]).toEqual(['models:read', 'models:read runs:write']);
  });
});
