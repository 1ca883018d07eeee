import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readBudgetStates } from '@inferry/database';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
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

it('sets them for wider scopes, over windows of their own', async () => {
  const lines: string[] = [];
  const print = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    lines.push(String(text).trimEnd());
    return true;
  });
  const berlin = ['--time-zone', 'Europe/Berlin'];
  await budgets(['set', '--scope', 'deployment', '--limit', '100', '--window', 'month@15', ...berlin], env);
  await budgets(['set', '--scope', 'team', '--value', '*', '--limit', '10', '--window', 'rolling:7d'], env);
  await budgets(['remove', '--scope', 'team', '--value', '*', '--window', 'rolling:7d'], env);
  await budgets(['confirm', '--scope', 'mount', '--value', 'runware', '--above', '2.5'], env);
  await budgets(['confirm', '--scope', 'mount', '--value', 'runware', '--off'], env);
  print.mockRestore();

  expect(lines).toEqual([
    'deployment month@15 in Europe/Berlin: 100 USD, spent 0, held 0',
    'each team without an own one, rolling:7d: 10 USD',
    'there is no budget of everybody: nothing limits what it spends',
    'mount runware: above 2.5 USD',
  ]);
  expect(await limits()).toEqual([['month@15', 100_000_000]]);
});

it('answers --json with one document', async () => {
  let printed = '';
  const print = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed = String(text);
    return true;
  });
  await budgets(['set', '--subject', 'ada', '--limit', '25', '--json'], env);
  const [set] = JSON.parse(printed).budgets;
  await budgets(['confirm', '--scope', 'mount', '--value', 'runware', '--above', '2.5', '--json'], env);
  print.mockRestore();

  expect(set).toMatchObject({ value: 'ada', period: 'month', limit: 25, spent: 0, held: 0, currency: 'USD' });
  expect(JSON.parse(printed).thresholds).toEqual([{ scope: 'mount', value: 'runware', above: 2.5 }]);
});

it.each([
  [['set', '--scope', 'planet', '--value', 'x', '--limit', '5']],
  [['set', '--scope', 'team', '--limit', '5']],
  [['set', '--subject', 'ada', '--limit', '5', '--window', 'fortnight']],
  [['set', '--subject', 'ada', '--limit', '5', '--time-zone', 'Mars/Base']],
  [['confirm', '--subject', 'ada']],
  [['set', '--subject', 'ada']],
  [['set', '--limit', '5']],
  [['set', '--subject', 'ada', '--limit=-1']],
  [['set', '--subject', 'ada', '--limit', '5', '--period', 'week']],
  [['give', '--subject', 'ada']],
])('refuses %j and says how it is used', async (args) => {
  await expect(budgets(args, env)).rejects.toThrow(/npm run budgets/);
});
