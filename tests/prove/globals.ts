// Takes the clocks, timers, random numbers and ids of this process away from Node and gives them to the scheduler of the
// world that runs just now. The code under trial imports what it always imports, and nothing of it is copied or changed.
import { AsyncLocalStorage } from 'node:async_hooks';
import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import os from 'node:os';
import sqlite from 'node:sqlite';
import timers from 'node:timers';
import timersPromises from 'node:timers/promises';
import { type Entry, Scheduler } from './scheduler.ts';

export const beginning = Date.UTC(2026, 10, 30, 12);
let scheduler = new Scheduler(0);

/** From now on everything asks this one. */
export function useScheduler(next: Scheduler): void {
  scheduler = next;
}

function wallTime(): number {
  return Math.floor(beginning + scheduler.now + (Scheduler.process?.wallShiftMs ?? 0));
}

function monotonicTime(): number {
  return 1_000 + scheduler.now - (Scheduler.process?.sleptMs ?? 0);
}

/** What `setTimeout` answers. */
class SimTimer {
  readonly #ms: number;
  readonly #callback: () => void;
  readonly #isRepeated: boolean;
  readonly #process = Scheduler.process;
  #entry: Entry | undefined;

  constructor(callback: () => void, ms: number, isRepeated: boolean) {
    const within = AsyncLocalStorage.snapshot();
    this.#callback = () => within(callback);
    this.#ms = ms;
    this.#isRepeated = isRepeated;
    this.#arm();
  }

  #arm(): void {
    this.#entry = scheduler.add({
      ...{ at: scheduler.now + this.#ms, process: this.#process, isTimer: true, what: 'timer' },
      run: () => {
        if (this.#isRepeated) this.#arm();
        this.#callback();
      },
    });
  }

  close(): this {
    if (this.#entry !== undefined) this.#entry.run = undefined;
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  hasRef(): boolean {
    return true;
  }

  refresh(): this {
    this.close();
    this.#arm();
    return this;
  }

  [Symbol.toPrimitive](): number {
    return this.#entry?.order ?? 0;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function clear(timer: unknown): void {
  if (timer instanceof SimTimer) timer.close();
}

type Callback = (...args: unknown[]) => void;

/** As Node reads it. */
const delayOf = (ms: unknown) => (Number(ms) >= 1 && Number(ms) < 2 ** 31 ? Number(ms) : 1);
const timeout = (callback: Callback, ms?: unknown, ...args: unknown[]) =>
  new SimTimer(() => callback(...args), delayOf(ms), false);
const interval = (callback: Callback, ms?: unknown, ...args: unknown[]) =>
  new SimTimer(() => callback(...args), delayOf(ms), true);
const immediate = (callback: Callback, ...args: unknown[]) => new SimTimer(() => callback(...args), 0, false);

function sleep<T>(ms = 1, value?: T, { signal }: { signal?: AbortSignal } = {}): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(signal.reason);
    const timer = timeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve(value);
    }, ms);
    const onAbort = () => {
      timer.close();
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

function signalAfter(ms: number): AbortSignal {
  const controller = new AbortController();
  timeout(() => controller.abort(new DOMException('The operation timed out.', 'TimeoutError')), ms);
  return controller.signal;
}

function seededBytes(size: number): Buffer {
  return Buffer.from(Array.from({ length: size }, () => scheduler.random.between(0, 255)));
}

function seededUuid(): string {
  const hex = seededBytes(16).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`;
}

/** Of each world, within the one transaction that is undone at its end. */
const nested: Record<string, string> = {
  'begin immediate': 'savepoint own',
  commit: 'release own',
  rollback: 'rollback to own; release own',
};
const databases = new Set<sqlite.DatabaseSync>();
let isWorld = false;
const execute = sqlite.DatabaseSync.prototype.exec;

/** SQLite's own clock is the world's as well. */
function execInWorld(this: sqlite.DatabaseSync, text: string): void {
  if (!databases.has(this)) {
    databases.add(this);
    this.function('unixepoch', { varargs: true }, () => (beginning + scheduler.now) / 1_000);
  }
  execute.call(this, isWorld ? (nested[text] ?? text) : text);
}

/** What is written from here on is undone by the returned function. */
export function beginWorld(): () => void {
  const all = (text: string) => {
    for (const database of databases) execute.call(database, text);
  };
  all('begin');
  isWorld = true;
  return () => {
    isWorld = false;
    all('rollback');
  };
}

export function takeOver(): void {
  const RealDate = Date;
  globalThis.Date = new Proxy(RealDate, {
    get: (target, name, receiver) => (name === 'now' ? wallTime : Reflect.get(target, name, receiver)),
    construct: (target, args, newTarget) =>
      Reflect.construct(target, args.length === 0 ? [wallTime()] : args, newTarget),
    apply: () => new RealDate(wallTime()).toString(),
  });
  Object.defineProperty(performance, 'now', { value: monotonicTime, configurable: true });
  Object.defineProperty(performance, 'timeOrigin', { value: beginning });
  Object.defineProperty(Math, 'random', { value: () => scheduler.random.next() });
  Object.defineProperty(AbortSignal, 'timeout', { value: signalAfter });
  const functions = {
    ...{ setTimeout: timeout, setInterval: interval, setImmediate: immediate },
    ...{ clearTimeout: clear, clearInterval: clear, clearImmediate: clear },
  };
  Object.assign(globalThis, functions);
  Object.assign(timers, functions);
  Object.assign(timersPromises, { setTimeout: sleep, setImmediate: () => sleep(0) });
  Object.assign(os, { uptime: () => 1_000 + scheduler.now / 1_000 });
  Object.assign(crypto, { randomBytes: seededBytes, randomUUID: seededUuid });
  Object.assign(sqlite.DatabaseSync.prototype, { exec: execInWorld });
  syncBuiltinESMExports();
}
