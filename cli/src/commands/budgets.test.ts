import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readBudgetStates } from '@inferry/database';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { budgets } from './budgets.ts';
import { openStore } from './open-store.ts';

let env: { INFERRY_HOME: string };
beforeEach(() => {
  env = { INFERRY_HOME: mkdtempSync(join(tmpdir(), 'inferry-budgets-')) };
});
afterEach(() => rmSync(env.INFERRY_HOME, { recursive: true, force: true }));

async function limits(): Promise<[string, number][]> {
  const { database, close } = await openStore(env);
  const states = await readBudgetStates(database.queries, 'ada', 0);
  await close();
  return states.map(({ period, limitMicros }) => [period, limitMicros]);
}

it('sets one budget a period and replaces it', async () => {
  await budgets(['set', '--subject', 'ada', '--limit', '25'], env);
  await budgets(['set', '--subject', 'ada', '--limit', '0.5', '--period', 'day'], env);
  await budgets(['set', '--subject', 'ada', '--limit', '30'], env);

  expect((await limits()).sort()).toEqual([
    ['day', 500_000],
    ['month', 30_000_000],
  ]);
});

it('removes a budget', async () => {
  await budgets(['set', '--subject', 'ada', '--limit', '25'], env);
  await budgets(['remove', '--subject', 'ada'], env);

  expect(await limits()).toEqual([]);
});

it('sets one for everybody, which each subject has until it gets an own one', async () => {
  await budgets(['set', '--subject', '*', '--limit', '2'], env);
  const before = await limits();
  await budgets(['set', '--subject', 'ada', '--limit', '7'], env);

  expect([before, await limits()]).toEqual([[['month', 2_000_000]], [['month', 7_000_000]]]);
});

it.each([
  [['set', '--subject', 'ada']],
  [['set', '--limit', '5']],
  [['set', '--subject', 'ada', '--limit=-1']],
  [['set', '--subject', 'ada', '--limit', '5', '--period', 'week']],
  [['give', '--subject', 'ada']],
])('refuses %j and says how it is used', async (args) => {
  await expect(budgets(args, env)).rejects.toThrow(/npm run budgets/);
});
