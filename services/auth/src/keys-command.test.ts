import { type Database, openDatabase } from '@inferry/database';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listKeys } from './keys/keys.ts';
import { runKeysCommand } from './keys-command.ts';

const now = Date.parse('2026-11-21T12:00:00Z');
let database: Database;
let out: string;
let err: string;

beforeEach(async () => {
  database = openDatabase({ url: 'sqlite::memory:' });
  await database.migrate();
});
afterEach(() => database.close());

async function keys(...argv: string[]): Promise<number> {
  out = '';
  err = '';
  return runKeysCommand(argv, {
    database,
    out: { write: (text) => (out += text) },
    err: { write: (text) => (err += text) },
    now: () => now,
  });
}

describe('keys create', () => {
  it('writes the key alone to standard output, once, so that a script can take it', async () => {
    const code = await keys('create', '--name', 'laptop');

    expect(code).toBe(0);
    expect(out).toMatch(/^ifr_[\w-]{43}\n$/);
    expect(err).not.toContain(out.trim());
    expect(err).toContain('subject "laptop"');
  });

  it('takes scopes, an end and a subject', async () => {
    await keys(
      'create',
      '--name',
      'ci',
      '--scopes',
      'runs:read, models:read',
      '--expires',
      '30d',
      '--subject',
      'ada',
    );

    const [key] = await listKeys(database);
    expect(key).toMatchObject({
      ...{ name: 'ci', subject: 'ada', scopes: ['runs:read', 'models:read'] },
      expiresAt: now + 30 * 86_400_000,
    });
  });

  it.each([
    ['no name', ['create'], 'needs --name'],
    ['a duration of no known unit', ['create', '--name', 'a', '--expires', '30'], '--expires is like'],
    ['an argument that it does not know', ['create', '--name', 'a', '--admin'], '--admin'],
    ['an unknown command', ['destroy'], 'no command "destroy"'],
    ['no command', [], 'What to do'],
    ['revoke without an id', ['revoke'], 'takes one key id'],
  ])('answers %s with the usage and makes nothing', async (_what, argv, said) => {
    const code = await keys(...argv);

    expect(code).toBe(2);
    expect(err).toContain(said);
    expect(err).toContain('Usage:');
    expect([out, await listKeys(database)]).toEqual(['', []]);
  });

  it('says which scopes there are when one is not', async () => {
    await expect(keys('create', '--name', 'a', '--scopes', 'everything')).rejects.toThrow('runs:write');
  });
});

describe('keys list', () => {
  it('says that there is none', async () => {
    expect(await keys('list')).toBe(0);
    expect(err).toContain('no key yet');
  });

  it('shows each key with its state and never its secret', async () => {
    await keys('create', '--name', 'laptop', '--expires', '1d');
    const secret = out.trim();
    await keys('create', '--name', 'old');
    const old = (await listKeys(database, 'old'))[0]?.keyId ?? '';
    await keys('revoke', old);

    await keys('list');

    expect(out).toMatch(/laptop .* live until 2026-11-22 12:00/);
    expect(out).toMatch(/old .* revoked/);
    expect(out).not.toContain(secret.slice(4));
  });

  it('shows one subject alone when asked to', async () => {
    await keys('create', '--name', 'ada');
    await keys('create', '--name', 'eve');

    await keys('list', '--subject', 'eve');

    expect(out).toContain('eve');
    expect(out).not.toContain('ada');
  });
});

describe('keys revoke', () => {
  it('announces the revocation where there is a bus', async () => {
    await keys('create', '--name', 'a');
    const keyId = (await listKeys(database))[0]?.keyId ?? '';
    const published: unknown[] = [];
    const bus = { publish: (_event: unknown, payload: unknown) => void published.push(payload) };

    const code = await runKeysCommand(['revoke', keyId], {
      database,
      bus,
      out: { write: () => undefined },
      err: { write: (text) => (err += text) },
    });

    expect(code).toBe(0);
    expect(published).toEqual([{ seq: 1, grant_id: keyId }]);
    expect(err).toContain('refuse it now');
  });

  it('says so when there is no such key', async () => {
    await expect(keys('revoke', 'key_none')).rejects.toThrow('no key with this id');
  });

  it('takes an id that looks like an option after --', async () => {
    await expect(keys('revoke', '--', '-x')).rejects.toThrow('no key with this id');
  });
});

it('answers --json with one document, and with nothing else', async () => {
  await keys('create', '--name', 'ci', '--json');
  const { key, key_id: keyId } = JSON.parse(out);
  expect([key, err]).toEqual([expect.stringMatching(/^ifr_/), '']);
  await keys('list', '--json');
  expect(JSON.parse(out).keys).toMatchObject([{ key_id: keyId, name: 'ci', subject: 'ci', state: 'live' }]);
  expect(out).not.toContain(key);
  await keys('revoke', keyId, '--json');
  expect([JSON.parse(out), err]).toMatchObject([{ key_id: keyId, revoked_at: expect.any(String) }, '']);
});
