import { randomBytes } from 'node:crypto';
import { Secret } from '@inferry/contracts';
import { type Database, openDatabase } from '@inferry/database';
import { listAllConnections, listTeamMembers } from '@inferry/database/connections';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseAuthConfig } from '../config.ts';
import { runConnectionsCommand } from '../connections-command.ts';
import { scriptedKeys } from '../testing/vault-platform.ts';
import { runVaultCommand } from '../vault-command.ts';
import { createLocalKeks, type KekProvider } from './key-ring.ts';

const k1: [string, Secret] = ['k1', new Secret(randomBytes(32).toString('base64'))];
const k2: [string, Secret] = ['k2', new Secret(randomBytes(32).toString('base64'))];
const keks = createLocalKeks(new Map([k1]));

let database: Database;
let said: string;
const platform = scriptedKeys();
platform.verdicts.set('sk-good-0123456789', { outcome: 'ok', balance: { amount: 3, currency: 'USD' } });

beforeEach(async () => {
  said = '';
  database = openDatabase({ url: 'sqlite::memory:' });
  await database.migrate();
});
afterEach(() => database.close());

const out = { write: (text: string) => (said += text) };

function connections(args: string, input = '', ring: KekProvider | undefined = keks): Promise<number> {
  const readInput = async () => input;
  const providers = [platform.provider];
  return runConnectionsCommand(args.split(' '), {
    database,
    keks: ring,
    providers,
    readInput,
    out,
    err: out,
  });
}

const vault = (args: string, ring: KekProvider | undefined) =>
  runVaultCommand(args.split(' '), { database, keks: ring, out, err: out });

describe('npm run connections', () => {
  test('adds a key from standard input, lists it without it, tries it and removes it', async () => {
    const added = await connections('add --provider scripted --user ada', 'sk-good-0123456789\n');
    const id = said.trim();

    const codes = [added, await connections('list'), await connections(`test ${id}`)];
    const shown = said;
    codes.push(await connections(`remove ${id}`));

    expect(codes).toEqual([0, 0, 0, 0]);
    expect(shown).toContain(`${id}  scripted  ok  user ada`);
    expect(shown).toContain('ok, 3 USD left');
    expect(said).not.toContain('sk-good');
    expect(await listAllConnections(database.queries)).toEqual([]);
  });

  test('answers --json with one document, of the vault too', async () => {
    await connections('add --provider scripted --user ada --json', 'sk-good-0123456789\n');
    const { connection_id: id } = JSON.parse(said);
    const answers = [];
    for (const args of ['list --json', `test ${id} --json`, 'join --team red --user ada --json']) {
      said = '';
      await connections(args);
      answers.push(JSON.parse(said));
    }
    said = '';
    await vault('check --json', keks);

    expect(answers).toMatchObject([
      { connections: [{ connection_id: id, owner: { kind: 'user', id: 'ada' } }], members: [] },
      { connection_id: id, key: 'ok', balance: { amount: 3 } },
      { team: 'red', subject: 'ada', member: true },
    ]);
    expect(JSON.parse(said)).toEqual({ current: 'k1', needed: ['k1'] });
  });

  test('takes no key that its platform refuses', async () => {
    await expect(connections('add --provider scripted', 'sk-bad-0123456789')).rejects.toMatchObject({
      code: 'unauthorized',
      message: 'Scripted does not accept this key.',
    });
    expect(await listAllConnections(database.queries)).toEqual([]);
  });

  test('takes no key that is none, and does not repeat it', async () => {
    const refused = await connections('add --provider scripted', 'two words').catch(String);

    expect(refused).toContain('one line of 8 to 4096 characters');
    expect(refused + said).not.toContain('two words');
  });

  test('takes no key as an argument', async () => {
    await expect(connections('add --provider scripted --key sk-good-0123456789')).rejects.toThrow('--key');
    expect(await listAllConnections(database.queries)).toEqual([]);
  });

  test('says what to do where there is no vault', async () => {
    const adding = runConnectionsCommand(['add', '--provider', 'scripted'], {
      ...{ database, keks: undefined, providers: [platform.provider], out, err: out },
      readInput: async () => 'sk-good-0123456789',
    });

    await expect(adding).rejects.toMatchObject({ nextAction: expect.stringContaining('AUTH_KEKS') });
  });

  test('lets people into a team and out of it', async () => {
    await connections('join --team red --user ada');
    const members = await listTeamMembers(database.queries);
    const left = await connections('leave --team red --user ada');

    expect([members, left]).toEqual([[{ team: 'red', subject: 'ada' }], 0]);
    await expect(connections('leave --team red --user ada')).rejects.toThrow('not in this team');
  });

  test.each(['', 'nonsense', 'add', 'add --provider scripted --user a --team b', 'join --team red'])(
    'answers "%s" with how it is used',
    async (args) => {
      expect(await connections(args)).toBe(2);
      expect(said).toContain('Usage');
    },
  );
});

describe('npm run vault', () => {
  test('tells which keys are needed, moves everything to the first, and then needs that alone', async () => {
    await connections('add --provider scripted', 'sk-good-0123456789');
    said = '';

    const before = await vault('check', keks);
    const moved = await vault('rewrap', createLocalKeks(new Map([k2, k1])));
    const after = await vault('check', createLocalKeks(new Map([k2])));

    expect([before, moved, after]).toEqual([0, 0, 0]);
    expect(said).toBe(
      'Stored secrets need: k1.\n1 stored secrets are under k2 now.\nStored secrets need: k2.\nStored secrets need: k2.\n',
    );
  });

  test('tells which key is missing', async () => {
    await connections('add --provider scripted', 'sk-good-0123456789');

    expect(await vault('check', createLocalKeks(new Map([k2])))).toBe(1);
    expect(said).toContain('the key k1 is missing');
  });

  test.each(['check', 'rewrap'])('%s tells what a key of the right name does not open', async (args) => {
    await connections('add --provider scripted', 'sk-good-0123456789');
    const [{ connection_id: id } = { connection_id: '' }] = await listAllConnections(database.queries);

    expect(await vault(args, createLocalKeks(new Map([[k1[0], k2[1]]])))).toBe(1);
    expect(said).toContain(`other bytes; nobody can open the connection ${id}`);
  });

  test.each(['', 'erase', 'check now'])('answers "%s" with how it is used', async (args) => {
    expect(await vault(args, keks)).toBe(2);
  });
});

describe('the keys of the vault', () => {
  test('come from the environment, the first one current', () => {
    const text = [k2, k1].map(([kid, key]) => `${kid}:${key.reveal()}`).join(',');

    expect(parseAuthConfig({ AUTH_KEKS: text }).keks?.currentId).toBe('k2');
    expect(parseAuthConfig({}).keks).toBeUndefined();
  });

  test('that are no keys stop the start and are not repeated', () => {
    expect(() => parseAuthConfig({ AUTH_KEKS: 'k1:tooshort' })).toThrow('k1 is not 32 bytes');
    expect(() => parseAuthConfig({ AUTH_KEKS_FILE: '/nowhere/keks' })).toThrow('AUTH_KEKS_FILE');
  });
});
