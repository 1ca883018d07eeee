import { Secret } from '@inferry/contracts';
import { openDatabase } from '@inferry/database';
import { updateAccount } from '@inferry/database/accounts';
import { createInProcessLimits } from '@inferry/limits';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type AccountDeps, admit, createLocalAccount, setPassword } from './accounts.ts';
import type { Identity } from './driver.ts';
import { createLocalDriver } from './local/local-driver.ts';

const grace: Identity = {
  driver: 'apikey',
  externalId: 'fingerprint',
  display: 'grace@runware.example',
  connection: { provider: 'runware', key: new Secret('rw-key-of-grace'), label: 'Key …race' },
};

let database: ReturnType<typeof openDatabase>;
let kept: string[];
let deps: AccountDeps;

beforeEach(async () => {
  database = openDatabase({ url: 'sqlite::memory:' });
  await database.migrate();
  kept = [];
  const put = async ({ subject, provider }: { subject: string; provider: string }): Promise<void> => {
    kept.push(`${subject} ${provider}`);
  };
  deps = { database, vault: { put }, now: () => 1_000 };
});
afterEach(() => database.close());

describe('accounts', () => {
  it('are made when somebody signs in for the first time, and are theirs the next time', async () => {
    const first = await admit(deps, grace);
    const again = await admit(deps, { ...grace, display: 'Grace' });

    expect(first?.subject).toBe('key:fingerprint');
    expect(again).toEqual({ subject: 'key:fingerprint', driver: 'apikey', display: 'Grace' });
    expect(kept).toEqual(['key:fingerprint runware', 'key:fingerprint runware']);
  });

  it('let nobody in who is closed out, and take no key of theirs', async () => {
    await admit(deps, grace);
    await updateAccount(database.queries, 'key:fingerprint', { disabled_at: 1_000 });
    kept = [];

    expect(await admit(deps, grace)).toBeUndefined();
    expect(kept).toEqual([]);
  });

  it('are never made by the word of the password driver alone', async () => {
    expect(await admit(deps, { driver: 'local', externalId: 'ada', display: 'Ada' })).toBeUndefined();
  });

  it('of two issuers are two, whatever both call the person', async () => {
    const one = await admit(deps, { driver: 'oidc', externalId: 'a', display: 'Ada' });
    const two = await admit(deps, { driver: 'handoff', externalId: 'a', display: 'Ada' });

    expect(one?.subject).not.toBe(two?.subject);
  });

  it('have names without anything invisible in them', async () => {
    const account = await admit(deps, { driver: 'oidc', externalId: 'a', display: '\u202Eada\n\u200B' });

    expect(account?.display).toBe('ada');
  });

  it.each([
    ['a name that is taken', { userName: ' ADA', password: 'correct horse battery' }, 'is taken'],
    ['a name that is none', { userName: '-ada', password: 'correct horse battery' }, 'begins with a letter'],
    ['a short password', { userName: 'grace', password: 'short' }, 'at least 12'],
  ])('are not made with %s', async (_what, wanted, message) => {
    await createLocalAccount(database, { userName: 'ada', password: 'correct horse battery' });

    await expect(createLocalAccount(database, wanted)).rejects.toThrow(message);
  });

  it('take another password in the place of the old', async () => {
    const { subject } = await createLocalAccount(database, {
      userName: 'ada',
      password: 'correct horse battery',
    });
    const limits = createInProcessLimits();
    const driver = createLocalDriver({ database, limits, rules: { perAddress: 9, perAccount: 9 } });
    const signIn = (password: string) =>
      driver.submit({ fields: { user_name: 'ada', password }, address: 'a', transaction: password });

    await setPassword(database, { accountId: subject, password: 'another horse battery' });

    expect(await signIn('correct horse battery')).toHaveProperty('problem');
    expect(await signIn('another horse battery')).toHaveProperty('identity');
  });
});
