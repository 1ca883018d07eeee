import { decodeProtectedHeader } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { claimsOf, post, refreshForm, register, type Tokens, tokensOf } from './oauth/testing/client.ts';
import { type OAuthUnderTest, openOAuth } from './oauth/testing/open-oauth.ts';
import { runOAuthCommand } from './oauth-command.ts';

let oauth: OAuthUnderTest;
let clientId: string;
let tokens: Tokens;
let out: string;
let err: string;

beforeEach(async () => {
  oauth = await openOAuth();
  clientId = await register(oauth.url, { client_name: 'Claude' });
  tokens = await tokensOf(oauth.url, { clientId });
});
afterEach(() => oauth.close());

async function run(...args: string[]): Promise<number> {
  out = '';
  err = '';
  return runOAuthCommand(args, {
    database: oauth.database,
    bus: oauth.bus,
    out: { write: (text) => (out += text) },
    err: { write: (text) => (err += text) },
  });
}

const refresh = () => post(`${oauth.url}/oauth/token`, refreshForm(clientId, tokens.refresh_token));

describe('the command line', () => {
  it('shows what people allowed their clients, of one subject if asked', async () => {
    await tokensOf(oauth.url, { clientId, subject: 'bob' });

    const code = await run('grants', '--subject', 'ada');

    expect(code).toBe(0);
    expect(out).toContain(`${claimsOf(tokens).gid}  ada  Claude  mcp`);
    expect(out).not.toContain('bob');
  });

  it.each<[string, () => string]>([
    ['revoke', () => String(claimsOf(tokens).gid)],
    ['revoke-client', () => clientId],
    ['revoke-subject', () => 'ada'],
  ])('ends grants by %s, and tells the gateways', async (command, argument) => {
    const code = await run(command, argument());

    expect(code).toBe(0);
    await expect.poll(() => oauth.revoked).toEqual([claimsOf(tokens).gid]);
    expect((await refresh()).status).toBe(400);
  });

  it('takes a leaked signing key out: every replica signs with a new one', async () => {
    const kid = decodeProtectedHeader(tokens.access_token).kid ?? '';

    const code = await run('remove-signing-key', kid);

    expect([code, out]).toEqual([0, expect.stringContaining('is out')]);
    for (const engine of oauth.engines)
      await expect.poll(() => engine.ring.jwks().map((key) => key.kid === kid)).toEqual([false]);
    const { status, body } = await refresh();
    expect(status).toBe(200);
    expect(decodeProtectedHeader(body.access_token).kid).not.toBe(kid);
    await run('signing-keys');
    expect(out).toMatch(/in use/);
  });

  it.each([
    ['revoke', 'grant_of_nobody'],
    ['remove-signing-key', 'nobody'],
  ])('refuses %s of %s', async (...args) => {
    await expect(run(...args)).rejects.toThrow(/^There is no/);
  });

  it.each([[[]], [['revoke']], [['signing-keys', 'x']], [['grants', 'x']], [['unknown']]])(
    'explains itself for %j',
    async (args) => {
      expect(await run(...args)).toBe(2);
      expect(err).toMatch(/^Usage:/);
    },
  );
});
