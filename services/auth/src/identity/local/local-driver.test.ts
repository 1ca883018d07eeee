import { openDatabase } from '@inferry/database';
import { updateAccount } from '@inferry/database/accounts';
import { createInProcessLimits } from '@inferry/limits';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Account, createLocalAccount } from '../accounts.ts';
import type { FormDriver, SignInOutcome } from '../driver.ts';
import { createLocalDriver } from './local-driver.ts';

const password = 'correct horse battery';
const wrong = { problem: 'The user name or the password is not right.' };
const tooMany = { problem: 'Too many tries. Wait a few minutes, then try again.' };

const clock = { now: 0 };
let database: ReturnType<typeof openDatabase>;
let driver: FormDriver;
let ada: Account;
let transactions = 0;

beforeEach(async () => {
  clock.now = Date.parse('2026-11-21T12:00:00Z');
  database = openDatabase({ url: 'sqlite::memory:' });
  await database.migrate();
  const limits = createInProcessLimits({ now: () => clock.now });
  driver = createLocalDriver({ database, limits, rules: { perAddress: 20, perAccount: 8 } });
  ada = await createLocalAccount(database, { userName: 'Ada', password });
});
afterEach(() => database.close());

function attempt(
  userName: string,
  word: string,
  from: { address?: string; transaction?: string } = {},
): Promise<SignInOutcome> {
  transactions += 1;
  const { address = '192.0.2.1', transaction = `tx-${transactions}` } = from;
  return driver.submit({ fields: { user_name: userName, password: word }, address, transaction });
}

describe('signing in with a password', () => {
  it('lets in whoever knows it, however the name is written', async () => {
    const outcome = await attempt(' ADA ', password);

    expect(outcome).toEqual({ identity: { driver: 'local', externalId: 'ada', display: 'Ada' } });
  });

  it('says the same of an unknown name, a wrong password, a closed account and what is no name', async () => {
    const before = [
      await attempt('ada', 'wrong'),
      await attempt('nobody', password),
      await attempt('{"$ne":1}', password),
    ];
    await updateAccount(database.queries, ada.subject, { disabled_at: clock.now });
    const closed = await attempt('ada', password);

    expect([...before, closed]).toEqual([wrong, wrong, wrong, wrong]);
  });

  it('takes five tries in one sign-in', async () => {
    const outcomes: SignInOutcome[] = [];

    for (let turn = 0; turn < 6; turn += 1)
      outcomes.push(await attempt(turn === 5 ? 'ada' : 'nobody', password, { transaction: 'one' }));

    expect(outcomes).toEqual([wrong, wrong, wrong, wrong, wrong, tooMany]);
  });

  it('takes so many tries for one account from everywhere, known or not, and more after a while', async () => {
    const guess = async (name: string): Promise<SignInOutcome[]> => {
      const outcomes: SignInOutcome[] = [];
      for (let turn = 0; turn < 9; turn += 1)
        outcomes.push(await attempt(name, 'wrong', { address: `192.0.2.${turn}` }));
      return outcomes;
    };

    const [known, unknown] = [await guess('ada'), await guess('nobody')];
    clock.now += 15 * 60_000;
    const later = await attempt('ada', password, { address: '192.0.2.200' });

    expect(known).toEqual(unknown);
    expect(known.at(-1)).toEqual(tooMany);
    expect(later).toHaveProperty('identity');
  });

  it('takes so many tries of one address, whoever they are for', async () => {
    const outcomes: SignInOutcome[] = [];

    for (let turn = 0; turn < 21; turn += 1) outcomes.push(await attempt(`user${turn}`, 'wrong'));

    expect(outcomes.at(19)).toEqual(wrong);
    expect(outcomes.at(20)).toEqual(tooMany);
  });

  it('counts tries in parallel like tries in turn', async () => {
    const outcomes = await Promise.all(
      Array.from({ length: 12 }, () => attempt('ada', 'wrong', { transaction: 'one' })),
    );

    expect(
      outcomes.filter((outcome) => 'problem' in outcome && outcome.problem === tooMany.problem),
    ).toHaveLength(7);
  });
});
