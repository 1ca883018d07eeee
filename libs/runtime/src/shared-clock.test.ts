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
  vi.useRealTimers();
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

it('does not know the time after a sleep, and asks at once', async () => {
  const offset = 40_000_000;
  const readTime = vi.fn(async () => Date.now() + offset);
  const clock = new SharedClock({ readTime, log });
  await clock.start();
  expect(clock.isKnown).toBe(true);

  const real = Date.now;
  vi.spyOn(Date, 'now').mockImplementation(() => real() + 12_000);
  expect(clock.isKnown).toBe(false);
  await clock.ready;

  expect(clock.isKnown).toBe(true);
  expect(Math.abs(clock.now() - (Date.now() + offset))).toBeLessThan(1_000);
  expect(readTime).toHaveBeenCalledTimes(2);
  clock.close();
});

it('asks again by itself when it is told of a sleep only by the time that somebody reads', async () => {
  const readTime = vi.fn(async () => Date.now());
  const clock = new SharedClock({ readTime, log });
  await clock.start();

  const real = Date.now;
  vi.spyOn(Date, 'now').mockImplementation(() => real() + 12_000);
  clock.now();

  await vi.waitFor(() => expect(Math.abs(clock.now() - Date.now())).toBeLessThan(1_000));
  expect(readTime).toHaveBeenCalledTimes(2);
  clock.close();
});

it('does not take an answer that the machine slept over: it is as old as the sleep was long', async () => {
  const real = Date.now;
  const wall = vi.spyOn(Date, 'now');
  const readTime = vi.fn(async () => {
    const told = Date.now();
    // The answer has come, and is read after the sleep.
    if (readTime.mock.calls.length === 1) wall.mockImplementation(() => real() + 20_000);
    return told;
  });
  const clock = new SharedClock({ readTime, log });
  await clock.start();

  expect(readTime).toHaveBeenCalledTimes(2);
  expect(Math.abs(clock.now() - Date.now())).toBeLessThan(1_000);
  clock.close();
});

it('does not take an answer that came late, and does not wait for one that never comes', async () => {
  vi.useFakeTimers();
  const asked: PromiseWithResolvers<number>[] = [];
  const readTime = () => {
    const question = Promise.withResolvers<number>();
    asked.push(question);
    return question.promise;
  };
  const clock = new SharedClock({ readTime, log });
  void clock.start();
  let isReady = false;
  void clock.ready.then(() => {
    isReady = true;
  });
  await vi.advanceTimersByTimeAsync(3_000);
  asked[0]?.resolve(1);
  await vi.advanceTimersByTimeAsync(0);
  expect(isReady).toBe(false);

  asked[1]?.resolve(Date.now() + 5_000);
  await vi.advanceTimersByTimeAsync(0);
  expect(isReady).toBe(true);
  expect(Math.abs(clock.now() - Date.now() - 5_000)).toBeLessThan(1_000);
  clock.close();
});
