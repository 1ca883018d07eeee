import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type Answer,
  claimsOf,
  codeForm,
  form,
  pkce,
  post,
  refreshForm,
  register,
  signIn,
  type Tokens,
  tokensOf,
} from '../testing/client.ts';
import { type OAuthUnderTest, openOAuth } from '../testing/open-oauth.ts';

let oauth: OAuthUnderTest;
let clientId: string;

beforeEach(async () => {
  oauth = await openOAuth();
  clientId = await register(oauth.url);
});
afterEach(async () => {
  expect(oauth.faults).toEqual([]);
  await oauth.close();
});

async function newCode() {
  const { callback, verifier } = await signIn(oauth.url, { clientId });
  return { code: callback.searchParams.get('code') ?? '', verifier };
}

function redeem(
  changes: Record<string, string | undefined>,
  { code, verifier }: { code: string; verifier: string },
) {
  const request = codeForm(clientId, code, verifier);
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) request.delete(name);
    else request.set(name, value);
  }
  return post(`${oauth.url}/oauth/token`, request);
}

describe('a code', () => {
  it.each([
    ['with its id in the body', (id: string) => id],
    ['without', () => undefined],
  ])('is redeemed by a client whose HTTP Basic has an empty secret, %s', async (_what, inBody) => {
    const { code, verifier } = await newCode();
    const request = codeForm(clientId, code, verifier);
    if (inBody(clientId) === undefined) request.delete('client_id');
    const authorization = `Basic ${Buffer.from(`${encodeURIComponent(clientId)}:`).toString('base64')}`;

    const first = await post(`${oauth.url}/oauth/token`, request, { authorization });
    const refresh = form({ grant_type: 'refresh_token', refresh_token: first.body.refresh_token ?? '' });
    const second = await post(`${oauth.url}/oauth/token`, refresh, { authorization });

    expect([first.status, second.status]).toEqual([200, 200]);
    expect(claimsOf(second.body).client_id).toBe(clientId);
  });

  it('is not redeemed by a client that names another one in HTTP Basic, or that guesses a secret', async () => {
    const other = await register(oauth.url);
    const { code, verifier } = await newCode();
    for (const named of [`${other}:`, `${clientId}:guess`, ':']) {
      const headers = { authorization: `Basic ${Buffer.from(named).toString('base64')}` };
      const answer = await post(`${oauth.url}/oauth/token`, codeForm(clientId, code, verifier), headers);

      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(answer.body).not.toHaveProperty('access_token');
    }
  });

  it.each<[string, Record<string, string | undefined>, string]>([
    ['another verifier', { code_verifier: pkce().verifier }, 'invalid_grant'],
    ['no verifier', { code_verifier: undefined }, 'invalid_grant'],
    ['the challenge for a verifier', { code_verifier: 'x'.repeat(43) }, 'invalid_grant'],
    ['another redirect address', { redirect_uri: 'http://127.0.0.1:43110/other' }, 'invalid_grant'],
    ['another port', { redirect_uri: 'http://127.0.0.1:1/callback' }, 'invalid_grant'],
    ['no redirect address', { redirect_uri: undefined }, 'invalid_request'],
    ['another resource', { resource: 'https://elsewhere.example/mcp' }, 'invalid_target'],
    ['another code', { code: randomBytes(32).toString('base64url') }, 'invalid_grant'],
  ])('gives nothing with %s', async (_what, changes, error) => {
    const { status, body } = await redeem(changes, await newCode());

    expect(status).toBe(400);
    expect(body.error).toBe(error);
    expect(body).not.toHaveProperty('access_token');
  });

  it('gives nothing to another client', async () => {
    const code = await newCode();

    const { status, body } = await redeem({ client_id: await register(oauth.url) }, code);

    expect([status, body.error]).toEqual([400, 'invalid_grant']);
  });

  it('that is used twice ends what the first use gave (RFC 6749, section 4.1.2)', async () => {
    const code = await newCode();
    const first = await redeem({}, code);

    await redeem({}, code);
    const refreshed = await post(`${oauth.url}/oauth/token`, refreshForm(clientId, first.body.refresh_token));

    expect(refreshed.status).toBe(400);
    await expect.poll(() => oauth.revoked).toEqual([claimsOf(first.body).gid]);
  });

  it('is redeemed once, by ten requests at once over two replicas, and by each of twenty codes', async () => {
    for (let round = 0; round < 20; round += 1) {
      const code = await newCode();

      const answers = await Promise.all(Array.from({ length: 10 }, () => redeem({}, code)));

      expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
      expect(answers.filter(({ body }) => body.error === 'invalid_grant')).toHaveLength(9);
    }
  });
});

describe('what does not exist, is over or is somebody else’s', () => {
  it('is one answer', async () => {
    const used = await newCode();
    await redeem({}, used);
    const other = await register(oauth.url);
    const fresh = await newCode();

    const answers: Answer[] = [
      await redeem({ code: randomBytes(32).toString('base64url') }, fresh),
      await redeem({}, used),
      await redeem({ client_id: other }, fresh),
      await redeem({ code_verifier: pkce().verifier }, fresh),
      await post(`${oauth.url}/oauth/token`, refreshForm(clientId, randomBytes(32).toString('base64url'))),
    ];

    expect(new Set(answers.map(({ body }) => JSON.stringify(body))).size).toBe(1);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([400]));
  });
});

describe('a refresh', () => {
  let tokens: Tokens;
  const refresh = (token: string, more: Record<string, string> = {}, url = oauth.url) => {
    const request = refreshForm(clientId, token);
    for (const [name, value] of Object.entries(more)) request.set(name, value);
    return post(`${url}/oauth/token`, request);
  };

  beforeEach(async () => {
    tokens = await tokensOf(oauth.url, { clientId });
  });

  it('that ten requests make at once over two replicas gives them all one token', async () => {
    for (let round = 0; round < 5; round += 1) {
      const answers = await Promise.all(Array.from({ length: 10 }, () => refresh(tokens.refresh_token)));

      expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 200));
      expect(new Set(answers.map(({ body }) => body.refresh_token)).size).toBe(1);
      expect(new Set(answers.map(({ body }) => body.access_token)).size).toBe(1);
      tokens = answers[0]?.body;
    }
  });

  it('that is repeated later within the grace gets the very same answer from any replica', async () => {
    const answers: Answer[] = [];

    for (const url of [...oauth.replicaUrls, ...oauth.replicaUrls])
      answers.push(await refresh(tokens.refresh_token, {}, url));

    expect(new Set(answers.map(({ body }) => JSON.stringify(body))).size).toBe(1);
  });

  it('that is repeated after the grace ends the grant: the token was stolen', async () => {
    await oauth.close();
    oauth = await openOAuth({ settings: { refreshGraceSeconds: 0 } });
    clientId = await register(oauth.url);
    tokens = await tokensOf(oauth.url, { clientId });
    const first = await refresh(tokens.refresh_token);

    const second = await refresh(tokens.refresh_token);
    const third = await refresh(first.body.refresh_token);

    expect([first.status, second.status, third.status]).toEqual([200, 400, 400]);
    await expect.poll(() => oauth.revoked).toEqual([claimsOf(first.body).gid]);
  });

  it('that is repeated after the grace is only refused where the deployment says so', async () => {
    await oauth.close();
    oauth = await openOAuth({ settings: { refreshGraceSeconds: 0, reusePolicy: 'reject' } });
    clientId = await register(oauth.url);
    tokens = await tokensOf(oauth.url, { clientId });
    const first = await refresh(tokens.refresh_token);

    const second = await refresh(tokens.refresh_token);
    const third = await refresh(first.body.refresh_token);

    expect([first.status, second.status, third.status]).toEqual([200, 400, 200]);
  });

  it('of another client within the grace is refused, and ends nothing', async () => {
    const first = await refresh(tokens.refresh_token);

    const stolen = await refresh(tokens.refresh_token, { client_id: await register(oauth.url) });
    const next = await refresh(first.body.refresh_token);

    expect([stolen.status, next.status]).toEqual([400, 200]);
  });

  it('of a revoked grant gives nothing, not even the kept answer', async () => {
    await refresh(tokens.refresh_token);

    await oauth.engines[0]?.killGrant(String(claimsOf(tokens).gid));
    const answers = [await refresh(tokens.refresh_token), await refresh(tokens.refresh_token)];

    expect(answers.map(({ status, body }) => [status, body.error])).toEqual([
      [400, 'invalid_grant'],
      [400, 'invalid_grant'],
    ]);
  });

  it('may ask for less, and gets nothing more than was granted however much it asks for', async () => {
    const narrow = await tokensOf(oauth.url, { clientId, scopes: ['runs:read', 'models:read'] });

    const more = await refresh(narrow.refresh_token, { scope: 'mcp' });
    const less = await refresh(more.body.refresh_token, { scope: 'runs:read account:read' });
    const none = await refresh(less.body.refresh_token, { scope: 'account:read' });

    expect([more.status, more.body.scope.split(' ').sort()]).toEqual([200, ['models:read', 'runs:read']]);
    expect([less.status, less.body.scope]).toEqual([200, 'runs:read']);
    expect([none.status, none.body.error]).toEqual([400, 'invalid_scope']);
  });

  it('with scopes that nobody knows keeps what it has', async () => {
    const { status, body } = await refresh(tokens.refresh_token, { scope: 'offline_access openid' });

    expect([status, body.scope]).toEqual([200, 'mcp']);
  });

  it('for another resource is refused', async () => {
    const { status, body } = await refresh(tokens.refresh_token, { resource: 'https://elsewhere.example/' });

    expect([status, body.error]).toEqual([400, 'invalid_target']);
  });

  it('leaves no token in the database, and no answer that can be read', async () => {
    const { body } = await refresh(tokens.refresh_token);

    const rows = [
      ...(await oauth.database.queries.selectFrom('oauth_records').selectAll().execute()),
      ...(await oauth.database.queries.selectFrom('oauth_refreshes').selectAll().execute()),
      ...(await oauth.database.queries.selectFrom('oauth_signing_keys').selectAll().execute()),
    ];
    const dump = JSON.stringify(rows);
    expect(rows.length).toBeGreaterThan(3);
    for (const secret of [tokens.refresh_token, body.refresh_token, tokens.access_token, body.access_token])
      expect(dump).not.toContain(secret);
    expect(dump).not.toContain('"d":');
  });
});

describe('the token endpoint', () => {
  it('answers 401 invalid_client for a client that it does not know, so that clients register again', async () => {
    clientId = 'client_of_another_time';

    const { status, body, headers } = await post(`${oauth.url}/oauth/token`, refreshForm(clientId, 'x'));

    expect([status, body.error]).toEqual([401, 'invalid_client']);
    expect(headers.get('cache-control')).toBe('no-store');
  });

  it('may be called from any page, and is never cached', async () => {
    const { headers } = await redeem({}, await newCode());

    expect(headers.get('access-control-allow-origin')).toBe('*');
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('set-cookie')).toBeNull();
  });

  it('answers preflights', async () => {
    const response = await fetch(`${oauth.url}/oauth/token`, {
      method: 'OPTIONS',
      headers: { origin: 'https://inspector.example', 'access-control-request-method': 'POST' },
    });

    expect(response.status).toBe(204);
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
    expect(response.headers.get('access-control-allow-headers')).toContain('mcp-protocol-version');
  });

  it.each<[string, () => Promise<Answer>, number]>([
    ['JSON', () => post(`${oauth.url}/oauth/token`, { grant_type: 'refresh_token' }), 400],
    ['no grant type', () => post(`${oauth.url}/oauth/token`, form({ client_id: clientId })), 400],
    [
      'the password grant',
      () => post(`${oauth.url}/oauth/token`, form({ client_id: clientId, grant_type: 'password' })),
      400,
    ],
    [
      'the implicit grant',
      () => post(`${oauth.url}/oauth/token`, form({ client_id: clientId, grant_type: 'implicit' })),
      400,
    ],
    [
      'a credential it has not',
      () => post(`${oauth.url}/oauth/token`, form({ client_id: clientId, grant_type: 'client_credentials' })),
      400,
    ],
    ['a large body', () => post(`${oauth.url}/oauth/token`, form({ x: 'x'.repeat(20_000) })), 413],
  ])('refuses %s', async (_what, send, status) => {
    const answer = await send();

    expect(answer.status).toBe(status);
    expect(answer.body.error).toMatch(/^[a-z_]+$/);
  });

  it('refuses parameters that come twice', async () => {
    const request = codeForm(clientId, 'a', 'b');
    request.append('code', 'c');

    const { status, body } = await post(`${oauth.url}/oauth/token`, request);

    expect([status, body.error]).toEqual([400, 'invalid_request']);
  });
});
