import { readRevocations, verifyKey } from '@inferry/contracts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sha256Of } from '../keys/key-secret.ts';
import { type CreatedKey, createKey, listKeys, revokeKey } from '../keys/keys.ts';
import { type AuthUnderTest, gateway, openAuth } from '../testing/open-auth.ts';

let auth: AuthUnderTest;
beforeEach(async () => {
  auth = await openAuth();
});
afterEach(() => auth.close());

function verify(sha256: string) {
  return auth.bus.call(verifyKey, { key_sha256: sha256 }, { principal: gateway });
}

function create(expiresAt?: number): Promise<CreatedKey> {
  const { now } = auth.clock;
  return createKey(auth.database, { name: 'laptop', subject: 'ada', scopes: ['runs:read'], expiresAt, now });
}

describe('verify_key', () => {
  it('answers whose key it is, good for a minute', async () => {
    const { key, keyId } = await create();

    const verdict = await verify(sha256Of(key));

    expect(verdict).toEqual({
      principal: {
        subject: 'ada',
        grant_id: keyId,
        kind: 'api_key',
        client: 'laptop',
        scopes: ['runs:read'],
      },
      cache_seconds: 60,
    });
  });

  it('answers an unknown, an expired and a revoked key alike', async () => {
    const expired = await create(auth.clock.now + 1_000);
    const revoked = await create();
    await revokeKey(auth.database, revoked.keyId);
    auth.clock.now += 1_000;

    const verdicts = await Promise.all(
      ['0'.repeat(64), sha256Of(expired.key), sha256Of(revoked.key)].map(verify),
    );

    expect(verdicts).toEqual([0, 1, 2].map(() => ({ principal: null, cache_seconds: 30 })));
  });

  it('lets no verdict outlive its key', async () => {
    const { key } = await create(auth.clock.now + 12_345);

    expect(await verify(sha256Of(key))).toMatchObject({ cache_seconds: 12 });
  });

  it('refuses what is not a SHA-256', async () => {
    await expect(verify('ifr_secret')).rejects.toThrow();
  });

  it('notes the use of live keys, written when the service stops at the latest', async () => {
    const live = await create();
    const revoked = await create();
    await revokeKey(auth.database, revoked.keyId);
    await verify(sha256Of(live.key));
    await verify(sha256Of(revoked.key));

    await auth.service.drain(1_000);

    const used = (await listKeys(auth.database)).filter((key) => key.lastUsedAt !== undefined);
    expect(used.map((key) => key.keyId)).toEqual([live.keyId]);
  });

  it('answers unavailable when the database is away', async () => {
    await auth.database.close();

    await expect(verify('0'.repeat(64))).rejects.toMatchObject({ code: 'unavailable' });
  });
});

describe('read_revocations', () => {
  it('pages through all of them in the order in which they came', async () => {
    const keys = await Promise.all([create(), create(), create()]);
    for (const { keyId } of keys) await revokeKey(auth.database, keyId);
    const read = (after: number) =>
      auth.bus.call(readRevocations, { after, limit: 2 }, { principal: gateway });

    const first = await read(0);
    const second = await read(2);
    const third = await read(3);

    const ids = [...first.items, ...second.items].map((item) => item.grant_id);
    expect(ids).toEqual(keys.map(({ keyId }) => keyId));
    expect([first.latest, second.latest, third]).toEqual([3, 3, { items: [], latest: 3 }]);
  });

  it('says that there is none', async () => {
    const answer = await auth.bus.call(readRevocations, { after: 0, limit: 10 }, { principal: gateway });

    expect(answer).toEqual({ items: [], latest: 0 });
  });
});

describe('the service', () => {
  it('is ready while its database answers', async () => {
    const before = await auth.service.readiness();
    await auth.database.close();
    const after = await auth.service.readiness();

    expect(before).toEqual({ isReady: true, problems: {} });
    expect(after).toEqual({ isReady: false, problems: { database: expect.any(String) } });
  });
});
