import { openDatabase, readDatabaseTime } from '@inferry/database';
import { pino } from 'pino';
import { afterEach, expect, it, vi } from 'vitest';
import { SharedClock } from './shared-clock.ts';

const machine = vi.hoisted(() => ({ sleptMs: 0 }));
vi.mock('node:os', async (original) => {
  // as: the module's own type.
  const os = await original<typeof import('node:os')>();
  return { ...os, uptime: () => os.uptime() + machine.sleptMs / 1_000 };
});

const log = pino({ level: 'silent' });

afterEach(() => {
  vi.restoreAllMocks();
  machine.sleptMs = 0;
});

it('tells the time of the database, whatever the clock of this machine says, and goes on without it', async () => {
  const database = openDatabase({ url: 'sqlite::memory:' });
  const real = Date.now();
  vi.spyOn(Date, 'now').mockImplementation(() => real + 2 * 3_600_000);
  const clock = new SharedClock({ readTime: () => readDatabaseTime(database), log });

  expect(clock.isKnown).toBe(false);
  await clock.start();
  await clock.ready;
  expect(clock.isKnown).toBe(true);
  const told = clock.now();
  await database.close();
  await vi.waitFor(() => expect(clock.now()).toBeGreaterThan(told));
  clock.close();

  expect(Math.abs(told - real)).toBeLessThan(600_000);
});

it('notices that the machine was asleep while the monotonic clock stood still', async () => {
  const database = openDatabase({ url: 'sqlite::memory:' });
  const clock = new SharedClock({ readTime: () => readDatabaseTime(database), log });
  await clock.start();
  expect(clock.sleptMs()).toBe(0);

  const real = Date.now;
  vi.spyOn(Date, 'now').mockImplementation(() => real() + 12_000);

  expect(clock.sleptMs()).toBeGreaterThan(11_000);
  clock.close();
  await database.close();
});

it('notices it also when the clock of the machine was set back by as much meanwhile', async () => {
  const database = openDatabase({ url: 'sqlite::memory:' });
  const clock = new SharedClock({ readTime: () => readDatabaseTime(database), log });
  await clock.start();

  const real = Date.now;
  machine.sleptMs = 12_000;
  vi.spyOn(Date, 'now').mockImplementation(() => real() + 12_000 - 12_500);

  expect(clock.sleptMs()).toBeGreaterThan(11_000);
  clock.close();
  await database.close();
});
