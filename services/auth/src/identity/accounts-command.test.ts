import type { Bus } from '@inferry/bus';
import { openDatabase } from '@inferry/database';
import { createInProcessLimits } from '@inferry/limits';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createKey } from '../keys/keys.ts';
import { runAccountsCommand } from './accounts-command.ts';
import type { SignInOutcome } from './driver.ts';
import { createLocalDriver } from './local/local-driver.ts';

let database: ReturnType<typeof openDatabase>;
let out: string;
let err: string;
let announced: unknown[];

beforeEach(async () => {
  database = openDatabase({ url: 'sqlite::memory:' });
  await database.migrate();
  announced = [];
});
afterEach(() => database.close());

async function run(args: string, input = ''): Promise<number> {
  out = '';
  err = '';
  const publish: Bus['publish'] = (_event, payload) => void announced.push(payload);
  return runAccountsCommand(args.split(' '), {
    database,
    bus: { publish },
    out: { write: (text) => (out += text) },
    err: { write: (text) => (err += text) },
    readInput: async () => input,
  });
}

async function signIn(password: string): Promise<SignInOutcome> {
  const rules = { perAddress: 100, perAccount: 100 };
  const driver = createLocalDriver({ database, limits: createInProcessLimits(), rules });
  return driver.submit({ fields: { user_name: 'ada', password }, address: 'a', transaction: 't' });
}

describe('npm run accounts', () => {
  it('creates the first account and shows its password once, alone on the output', async () => {
    const code = await run('create Ada');

    expect(code).toBe(0);
    expect(out).toMatch(/^[a-z2-9]{5}(-[a-z2-9]{5}){3}\n$/);
    expect(await signIn(out.trim())).toHaveProperty('identity');
  });

  it('takes a password from the standard input and does not show it', async () => {
    await run('create ada --password-stdin', 'correct horse battery\n');

    expect(out + err).not.toContain('correct horse');
    expect(await signIn('correct horse battery')).toHaveProperty('identity');
  });

  it('refuses a weak password and a name that is taken', async () => {
    const weak = await run('create ada --password-stdin', 'short');
    await run('create ada');
    const taken = await run('create ADA');

    expect([weak, taken]).toEqual([1, 1]);
    expect(err).toContain('is taken');
  });

  it('resets a password, and the old one is worth nothing', async () => {
    await run('create ada --password-stdin', 'correct horse battery');

    const code = await run('reset Ada');

    expect(code).toBe(0);
    expect(await signIn(out.trim())).toHaveProperty('identity');
    expect(await signIn('correct horse battery')).toHaveProperty('problem');
  });

  it('closes an account with its API keys, and opens it again', async () => {
    await run('create ada --password-stdin', 'correct horse battery');
    await run('list');
    const [accountId = ''] = /^acct_\S+/m.exec(out) ?? [];
    const key = await createKey(database, { name: 'nightly', subject: accountId });

    await run('disable ada');
    const closed = await signIn('correct horse battery');
    const said = err;
    await run(`enable ${accountId}`);

    expect(closed).toHaveProperty('problem');
    expect(said).toContain('1 API keys were revoked');
    expect(announced).toMatchObject([{ grant_id: key.keyId }]);
    expect(await signIn('correct horse battery')).toHaveProperty('identity');
  });

  it.each(['', 'create', 'list ada', 'delete ada', 'create ada grace'])(
    'answers "%s" with how to use it',
    async (args) => {
      expect(await run(args)).toBe(2);
      expect(err).toContain('Usage:');
    },
  );
});

it('answers --json with one document, and with nothing else', async () => {
  await run('create ada --json');
  const { account_id: accountId, password } = JSON.parse(out);
  expect(await signIn(password)).toHaveProperty('identity');
  expect(await run('disable ada --json')).toBe(0);
  expect(JSON.parse(out)).toMatchObject({ account_id: accountId, state: 'closed', revoked: { keys: 0 } });
  await run('list --json');
  expect(JSON.parse(out).accounts).toMatchObject([
    { account_id: accountId, user_name: 'ada', state: 'closed' },
  ]);
  expect(err).toBe('');
});
