import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Secret } from '@inferry/contracts';
import { type Database, openDatabase } from '@inferry/database';
import { listAllConnections, putConnection } from '@inferry/database/connections';
import { addSigningKey, listSigningKeys } from '@inferry/database/oauth';
import { sealText } from '@inferry/seals';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { open, seal } from './envelope.ts';
import { createLocalKeks, type KekProvider, parseKeyRing, readOrCreateKeyRing } from './key-ring.ts';
import { rewrapAll } from './rewrap.ts';
import { openVault, withEarlierSealer } from './vault.ts';

const newKek = () => randomBytes(32).toString('base64');
const k1 = `k1:${newKek()}`;
const k2 = `k2:${newKek()}`;
const keksOf = (text: string) => createLocalKeks(parseKeyRing(text));
const bytes = randomBytes(48);
const key = new Secret('sk-live-0123456789');
const mine = { kind: 'connection', id: 'conn_1', owner: 'user:ada', provider: 'openai' };

let database: Database;
beforeEach(async () => {
  database = openDatabase({ url: 'sqlite::memory:' });
  await database.migrate();
});
afterEach(() => database.close());

describe('a sealed secret', () => {
  test('opens for what it belongs to, and shows nothing of itself', async () => {
    const keks = keksOf(k1);

    const { sealed, kid } = await seal(keks, key, mine);

    expect(kid).toBe('k1');
    expect(sealed).not.toContain('sk-live');
    expect((await open(keks, sealed, mine)).reveal()).toBe(key.reveal());
  });

  test.each([
    ['another record', { id: 'conn_2' }],
    ['another owner', { owner: 'user:bob' }],
    ['another provider', { provider: 'fal' }],
    ['another kind', { kind: 'key' }],
    ['an owner and provider that read the same together', { owner: 'user:adaopen', provider: 'ai' }],
  ])('that was put into the row of %s does not open', async (_what, other) => {
    const keks = keksOf(k1);
    const { sealed } = await seal(keks, key, mine);

    await expect(open(keks, sealed, { ...mine, ...other })).rejects.toMatchObject({ code: 'internal' });
  });

  test.each(['w', 'd'])('whose %s was changed does not open', async (part) => {
    const keks = keksOf(k1);
    const stored = JSON.parse((await seal(keks, key, mine)).sealed);
    const bytes = Buffer.from(stored[part], 'base64url');
    bytes[5] = (bytes[5] ?? 0) ^ 1;

    const changed = JSON.stringify({ ...stored, [part]: bytes.toString('base64url') });

    await expect(open(keks, changed, mine)).rejects.toMatchObject({ code: 'internal' });
  });

  test('has a key of its own each time, which is zeros in memory afterwards', async () => {
    const seen: Buffer[] = [];
    const inner = keksOf(k1);
    const keks: KekProvider = {
      ...inner,
      wrap: (dek) => {
        seen.push(dek);
        return inner.wrap(dek);
      },
      unwrap: async (wrapped) => {
        const dek = await inner.unwrap(wrapped);
        seen.push(dek);
        return dek;
      },
    };

    const one = await seal(keks, key, mine);
    const two = await seal(keks, key, mine);
    await open(keks, one.sealed, mine);

    expect(one.sealed).not.toBe(two.sealed);
    expect(seen).toHaveLength(3);
    expect(seen.every((dek) => dek.every((byte) => byte === 0))).toBe(true);
  });
});

describe('the key ring', () => {
  test('opens what an older key wrapped, and wraps with the first', async () => {
    const before = await seal(keksOf(k1), key, mine);
    const both = keksOf(`${k2},${k1}`);

    expect((await open(both, before.sealed, mine)).reveal()).toBe(key.reveal());
    expect((await seal(both, key, mine)).kid).toBe('k2');
  });

  test('tells every problem at once and repeats no key', () => {
    const good = newKek();
    const read = () => parseKeyRing(`k1:${good},k1:${good},short:AAAA,${good}`);

    expect(read).toThrow(/k1 is there twice[\s\S]*short is not 32 bytes[\s\S]*key 4 has no name/);
    expect(read).not.toThrow(good);
  });

  test('of a folder is made once, for its owner only', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'inferry-ring-'));
    const file = join(folder, 'keks');

    const first = readOrCreateKeyRing(file);
    const second = readOrCreateKeyRing(file);

    expect(second.get('k1')?.reveal()).toBe(first.get('k1')?.reveal());
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    await rm(folder, { recursive: true });
  });

  test('of a file that holds something else is refused', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'inferry-ring-'));
    const file = join(folder, 'keks');
    await writeFile(file, 'nothing of use');

    expect(() => readOrCreateKeyRing(file)).toThrow('has no name');
    await rm(folder, { recursive: true });
  });
});

describe('the vault', () => {
  test('does not open without a key that stored secrets need', async () => {
    await store('conn_1', k1);

    await expect(openVault(database, keksOf(k2))).rejects.toThrow('the key k1 is missing');
    await expect(openVault(database, keksOf(`${k2},${k1}`))).resolves.toBeDefined();
  });

  test('does not open with another key of the same name where it can tell: what is stored fails', async () => {
    await store('conn_1', k1);
    const vault = await openVault(database, keksOf(`k1:${newKek()}`));
    const [row] = await listAllConnections(database.queries);

    await expect(vault.open(row?.sealed ?? '', mine)).rejects.toMatchObject({ code: 'internal' });
  });

  test('has one key pair for what travels to it, on every replica', async () => {
    const [one, two] = await Promise.all([openVault(database, keksOf(k1)), openVault(database, keksOf(k1))]);

    const [first, second] = await Promise.all([one.transport(), two.transport()]);

    expect(second.publicKey).toBe(first.publicKey);
    expect(second.open(sealText(key, first.publicKey, 'p'), 'p').reveal()).toBe(key.reveal());
  });

  test('puts everything under the first key, so that the old one can go', async () => {
    await store('conn_1', k1);
    await store('conn_2', k1);
    const old = await openVault(database, keksOf(k1));
    const before = await old.transport();
    await addSigningKey(database.queries, {
      ...{ generation: 1, kid: 'sig', public_jwk: '{}', created_at: 1, active_from: 1, removed_at: null },
      sealed: await old.sealer.seal(bytes, 'sig'),
    });

    const count = await rewrapAll(database, await openVault(database, keksOf(`${k2},${k1}`)));
    const again = await rewrapAll(database, await openVault(database, keksOf(`${k2},${k1}`)));

    const vault = await openVault(database, keksOf(k2));
    const rows = await listAllConnections(database.queries);
    const [signing] = await listSigningKeys(database.queries);
    expect([count, again]).toEqual([4, 0]);
    expect(rows.map(({ kid }) => kid)).toEqual(['k2', 'k2']);
    expect((await vault.open(rows[0]?.sealed ?? '', mine)).reveal()).toBe(key.reveal());
    expect((await vault.transport()).publicKey).toBe(before.publicKey);
    expect(await vault.sealer.open(signing?.sealed ?? '', 'sig')).toEqual(bytes);
  });

  test('opens what is stored elsewhere under its own name only', async () => {
    const { sealer } = await openVault(database, keksOf(k1));

    const sealed = await sealer.seal(bytes, 'signing-1');

    expect(await sealer.open(sealed, 'signing-1')).toEqual(bytes);
    await expect(sealer.open(sealed, 'signing-2')).rejects.toMatchObject({ code: 'internal' });
  });

  test('leaves what was sealed before there was a vault to whoever sealed it', async () => {
    const { sealer } = await openVault(database, keksOf(k1));
    const earlier = { seal: async () => 'old', open: async () => Buffer.from('from before') };

    const both = withEarlierSealer(sealer, earlier);

    expect((await both.open('b2xk', 'x')).toString()).toBe('from before');
    expect(await both.open(await both.seal(bytes, 'x'), 'x')).toEqual(bytes);
  });
});

async function store(connectionId: string, ring: string): Promise<void> {
  const { kid, sealed } = await seal(keksOf(ring), key, { ...mine, id: connectionId });
  await putConnection(database.queries, {
    ...{ connection_id: connectionId, provider: 'openai', owner_kind: 'user', owner_id: 'ada', label: 'l' },
    ...{ origin: 'stored', state: 'ok', base_url: null, account: null, balance: null, kid, sealed },
    ...{ created_at: 1, checked_at: null, limited_until: null, expires_at: null },
  });
}
