import { createHash } from 'node:crypto';
import { inspect } from 'node:util';
import { grantRevoked } from '@inferry/contracts';
import { type Database, openDatabase, readRevocationsAfter } from '@inferry/database';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createKey, listKeys, revokeKey } from './keys.ts';

let database: Database;
beforeEach(async () => {
  database = openDatabase({ url: 'sqlite::memory:' });
  await database.migrate();
});
afterEach(() => database.close());

describe('createKey', () => {
  it('gives a key of 256 random bits that no print shows', async () => {
    const first = await createKey(database, { name: 'laptop' });
    const second = await createKey(database, { name: 'laptop' });

    expect(first.key.reveal()).toMatch(/^ifr_[A-Za-z0-9_-]{43}$/);
    expect(first.key.reveal()).not.toBe(second.key.reveal());
    expect(inspect(first) + JSON.stringify(first)).not.toContain(first.key.reveal());
  });

  it('stores its SHA-256 and nothing else of it', async () => {
    const { key } = await createKey(database, { name: 'laptop' });

    const row = await database.queries.selectFrom('api_keys').selectAll().executeTakeFirstOrThrow();

    expect(row.key_sha256).toBe(createHash('sha256').update(key.reveal()).digest('hex'));
    expect(JSON.stringify(row)).not.toContain(key.reveal().slice(4));
  });

  it('opens a tenant named like the key unless told another, so that nobody shares one by accident', async () => {
    const own = await createKey(database, { name: 'ada' });
    const shared = await createKey(database, { name: 'ci', subject: 'ada' });

    expect([own.subject, shared.subject]).toEqual(['ada', 'ada']);
    expect((await createKey(database, { name: 'eve' })).subject).toBe('eve');
  });

  it.each([
    ['an empty name', { name: '' }],
    ['a name with control characters', { name: 'a\u001b[2J' }],
    ['a long name', { name: 'x'.repeat(101) }],
    ['an empty subject', { name: 'a', subject: '' }],
    ['an unknown scope', { name: 'a', scopes: ['mcp', 'admin'] }],
    ['no scope', { name: 'a', scopes: [] }],
    ['an end in the past', { name: 'a', expiresAt: 1 }],
  ])('refuses %s', async (_what, request) => {
    await expect(createKey(database, request)).rejects.toMatchObject({ code: 'validation_failed' });
    expect(await listKeys(database)).toEqual([]);
  });
});

describe('listKeys', () => {
  it('shows the keys of one subject, or all, and no secret', async () => {
    await createKey(database, { name: 'ada', now: 1 });
    await createKey(database, { name: 'eve', now: 2, scopes: ['runs:read', 'runs:read'], expiresAt: 9 });

    const all = await listKeys(database);
    const eves = await listKeys(database, 'eve');

    expect(all.map((key) => key.name)).toEqual(['ada', 'eve']);
    expect(eves).toEqual([
      {
        ...{ keyId: expect.stringMatching(/^key_/), subject: 'eve', name: 'eve', scopes: ['runs:read'] },
        ...{ createdAt: 2, expiresAt: 9, lastUsedAt: undefined, revokedAt: undefined },
      },
    ]);
  });
});

describe('revokeKey', () => {
  it('writes the revocation and then announces it', async () => {
    const { keyId } = await createKey(database, { name: 'laptop' });
    const published: unknown[] = [];
    const bus = { publish: (...event: unknown[]) => void published.push(event) };

    const revoked = await revokeKey(database, keyId, { bus, now: 7 });

    const { items } = await readRevocationsAfter(database.queries, { after: 0, limit: 10 });
    expect(revoked.revokedAt).toBe(7);
    expect(items).toEqual([{ seq: 1, grant_id: keyId }]);
    expect(published).toEqual([[grantRevoked, { seq: 1, grant_id: keyId }]]);
  });

  it('changes nothing the second time', async () => {
    const { keyId } = await createKey(database, { name: 'laptop' });
    await revokeKey(database, keyId, { now: 7 });

    const again = await revokeKey(database, keyId, { now: 8 });

    expect(again.revokedAt).toBe(7);
    expect((await readRevocationsAfter(database.queries, { after: 0, limit: 10 })).latest).toBe(1);
  });

  it('refuses an id that is none', async () => {
    await expect(revokeKey(database, 'key_none')).rejects.toMatchObject({ code: 'not_found' });
  });
});
