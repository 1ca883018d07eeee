import { type Database, openDatabase } from '@inferry/database';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createKeyUsage, type KeyUsage } from './key-usage.ts';
import { createKey, listKeys } from './keys.ts';

const clock = { now: 1_000_000 };
let database: Database;
let usage: KeyUsage;
let warnings: unknown[];

beforeEach(async () => {
  database = openDatabase({ url: 'sqlite::memory:' });
  await database.migrate();
  clock.now = 1_000_000;
  warnings = [];
  usage = open(60_000);
});
afterEach(async () => {
  await usage.close();
  await database.close();
});

function open(intervalMs: number): KeyUsage {
  const log = { warn: (fields: unknown) => void warnings.push(fields) };
  return createKeyUsage(database, { log, now: () => clock.now, intervalMs });
}

async function lastUses(): Promise<(number | undefined)[]> {
  return (await listKeys(database)).map((key) => key.lastUsedAt);
}

it('writes nothing until it is time, then all keys together', async () => {
  const ids = await Promise.all(
    ['a', 'b', 'c'].map(async (name) => (await createKey(database, { name, now: 1 })).keyId),
  );
  for (const keyId of ids.slice(0, 2)) for (let call = 0; call < 5; call++) usage.note(keyId);
  const before = await lastUses();

  await usage.flush();

  const after = Object.fromEntries((await listKeys(database)).map((key) => [key.name, key.lastUsedAt]));
  expect(before).toEqual([undefined, undefined, undefined]);
  expect(after).toEqual({ a: clock.now, b: clock.now, c: undefined });
});

it('writes a key at most once a minute, whichever replica saw it', async () => {
  const { keyId } = await createKey(database, { name: 'a', now: 1 });
  const other = open(60_000);
  usage.note(keyId);
  await usage.flush();
  clock.now += 59_000;

  other.note(keyId);
  await other.close();
  const tooSoon = await lastUses();
  clock.now += 1_000;
  usage.note(keyId);
  await usage.flush();

  expect(tooSoon).toEqual([1_000_000]);
  expect(await lastUses()).toEqual([1_060_000]);
});

it('writes by itself, and what is left when it closes', async () => {
  const { keyId } = await createKey(database, { name: 'a', now: 1 });
  const timed = open(5);
  timed.note(keyId);

  await vi.waitFor(async () => expect(await lastUses()).toEqual([clock.now]));

  await timed.close();
});

it('warns and goes on when the database is away', async () => {
  usage.note('key_x');
  await database.close();

  await usage.flush();

  expect(warnings).toHaveLength(1);
});
