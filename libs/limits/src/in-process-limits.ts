import { randomUUID } from 'node:crypto';
import type { Limits, WindowHit, WindowVerdict } from './limits.ts';

export interface InProcessOptions {
  /** Epoch milliseconds; passed in where a test needs to move time. */
  now?: () => number;
}

interface Entry {
  at: number;
  cost: number;
}

/** Keys are dropped when their window is empty, looked for at most this often. */
const sweepEveryMs = 10_000;

/** Exact sliding windows and locks in this process's memory. */
export function createInProcessLimits({ now = Date.now }: InProcessOptions = {}): Limits {
  const windows = new Map<string, { entries: Entry[]; windowMs: number }>();
  const locks = new Map<string, { token: string; until: number }>();
  let sweptAt = now();

  function sweep(at: number): void {
    if (at - sweptAt < sweepEveryMs) return;
    sweptAt = at;
    for (const [key, { entries, windowMs }] of windows) {
      const last = entries.at(-1);
      if (last === undefined || last.at <= at - windowMs) windows.delete(key);
    }
    for (const [key, { until }] of locks) if (until <= at) locks.delete(key);
  }

  function liveEntries({ key, rule }: WindowHit, at: number): Entry[] {
    const window = windows.get(key) ?? { entries: [], windowMs: rule.windowMs };
    window.windowMs = rule.windowMs;
    const firstLive = window.entries.findIndex((entry) => entry.at > at - rule.windowMs);
    window.entries = firstLive < 0 ? [] : window.entries.slice(firstLive);
    windows.set(key, window);
    return window.entries;
  }

  function hitAll(hits: readonly WindowHit[]): WindowVerdict[] {
    const at = now();
    sweep(at);
    const looked = hits.map((hit) => ({ hit, entries: liveEntries(hit, at) }));
    const verdicts = looked.map(({ hit, entries }) => judge(hit, entries, at));
    if (!verdicts.every(({ isAllowed }) => isAllowed)) return verdicts;
    return looked.map(({ hit, entries }) => {
      const { cost = 1 } = hit;
      if (cost > 0) entries.push({ at, cost });
      return judge({ ...hit, cost: 0 }, entries, at);
    });
  }

  return {
    hit: async (hit) => {
      const [verdict] = hitAll([hit]);
      if (verdict === undefined) throw new RangeError('one hit has one verdict');
      return verdict;
    },
    hitAll: async (hits) => hitAll(hits),
    async acquire(key, ttlMs) {
      const held = locks.get(key);
      if (held !== undefined && held.until > now()) return undefined;
      const token = randomUUID();
      locks.set(key, { token, until: now() + ttlMs });
      return token;
    },
    async release(key, token) {
      const held = locks.get(key);
      if (held === undefined || held.token !== token || held.until <= now()) return false;
      return locks.delete(key);
    },
    ping: async () => undefined,
    async close() {
      windows.clear();
      locks.clear();
    },
  };
}

function judge({ rule, cost = 1 }: WindowHit, entries: readonly Entry[], at: number): WindowVerdict {
  const used = entries.reduce((sum, entry) => sum + entry.cost, 0);
  const isAllowed = used + cost <= rule.limit;
  const last = entries.at(-1);
  return {
    isAllowed,
    remaining: Math.max(0, rule.limit - used - (isAllowed ? cost : 0)),
    retryAfterMs: isAllowed
      ? 0
      : retryAfter(entries, { over: used + cost - rule.limit, windowMs: rule.windowMs, at }),
    resetMs: last === undefined ? 0 : last.at + rule.windowMs - at,
  };
}

/** When enough of the oldest hits have left the window; a hit that never fits waits for a whole window. */
function retryAfter(
  entries: readonly Entry[],
  { over, windowMs, at }: { over: number; windowMs: number; at: number },
): number {
  let freed = 0;
  for (const entry of entries) {
    freed += entry.cost;
    if (freed >= over) return entry.at + windowMs - at;
  }
  return windowMs;
}
