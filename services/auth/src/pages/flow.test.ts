import { afterEach, describe, expect, it } from 'vitest';
import { createLocalAccount } from '../identity/accounts.ts';
import { nextOf, TestBrowser } from '../oauth/testing/browser.ts';
import { authorizeUrl, pkce, redirectUri, register } from '../oauth/testing/client.ts';
import { openSignIn, type SignInUnderTest } from '../testing/open-sign-in.ts';

let system: SignInUnderTest;
afterEach(() => system.close());

describe('connecting a client', () => {
  it('signs in with a password and arrives at the client with a code', async () => {
    system = await openSignIn();
    await createLocalAccount(system.database, { userName: 'ada', password: 'correct horse battery' });
    const browser = new TestBrowser(system.url);
    const client = await register(system.url, { client_name: 'Claude Code' });

    const consent = await browser.open(
      authorizeUrl(system.url, { client_id: client, code_challenge: pkce().challenge }),
    );
    const signIn = await browser.submit(consent, { decision: 'allow', scope: ['models:read', 'runs:read'] });
    const end = await browser.submit(signIn, {
      driver: 'local',
      user_name: 'Ada',
      password: 'correct horse battery',
    });

    expect(consent.html).toContain('Connect Claude Code?');
    expect(nextOf(end).href).toMatch(new RegExp(`^${redirectUri}\\?code=.+&state=`));
    expect(await system.engine.grants.list({ clientId: client })).toMatchObject([
      { display: 'ada', scopes: ['models:read', 'runs:read'] },
    ]);
    expect(system.faults).toEqual([]);
  });
});
