import { AppError } from '@inferry/contracts';
import type { RunRow } from '@inferry/database';
import { expect, it } from 'vitest';
import type { InferenceDeps } from '../deps.ts';
import { reread } from './wait-for-run.ts';

// as: nothing of a row is read here but its names.
const row = { run_id: 'run_1', subject: 'ada' } as RunRow;

/** A database whose every question ends in this way. */
function answering(executeTakeFirst: () => Promise<unknown>): Pick<InferenceDeps, 'database'> {
  const queries: unknown = new Proxy(
    {},
    { get: (_target, name) => (name === 'executeTakeFirst' ? executeTakeFirst : () => queries) },
  );
  // as: a query is put together and then executed; what is put together does not matter here.
  return { database: { queries } } as Pick<InferenceDeps, 'database'>;
}

const soon = () => ({ deadlineAt: Date.now() + 600 });

it('a run is what was known last when the database does not answer within the time of the call', async () => {
  const deadline = soon();

  expect(
    await reread(
      answering(() => new Promise(() => undefined)),
      row,
      deadline,
    ),
  ).toBe(row);
  expect(Date.now()).toBeLessThan(deadline.deadlineAt);
});

it('a run is what was known last when the database cannot be reached', async () => {
  const away = answering(() => Promise.reject(new AppError('unavailable', 'The database is away.')));

  expect(await reread(away, row, soon())).toBe(row);
});

it('any other failure of the database is not hidden', async () => {
  await expect(
    reread(
      answering(() => Promise.reject(new TypeError('x'))),
      row,
      soon(),
    ),
  ).rejects.toThrow('x');
});

it('a run is what the database says', async () => {
  const now = { ...row, status: 'succeeded' };

  expect(
    await reread(
      answering(() => Promise.resolve(now)),
      row,
      soon(),
    ),
  ).toBe(now);
});
