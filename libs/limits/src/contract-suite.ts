import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Limits, WindowHit } from './limits.ts';
import { NaiveLimits } from './naive-limits.ts';

/** Builds limits whose windows go by the given clock; locks may end by a real one. */
export type ConnectLimits = (now: () => number) => Promise<Limits>;

const minute = 60_000;

/** The behaviour of every `Limits`: run by the in-process one and by Redis. */
export function describeLimits(name: string, connect: ConnectLimits): void {
  let limits: Limits;
  let now = 0;
  let key = '';

  beforeEach(async () => {
    now = 1_764_000_000_000;
    key = randomUUID();
    limits = await connect(() => now);
  });
  afterEach(() => limits.close());

  describe(`limits in ${name}: windows`, () => {
    it('allows as many hits as the limit and refuses the next', async () => {
      const hit = { key, rule: { limit: 2, windowMs: minute } };

      const verdicts = [await limits.hit(hit), await limits.hit(hit), await limits.hit(hit)];

      expect(verdicts).toEqual([
        { isAllowed: true, remaining: 1, retryAfterMs: 0, resetMs: minute },
        { isAllowed: true, remaining: 0, retryAfterMs: 0, resetMs: minute },
        { isAllowed: false, remaining: 0, retryAfterMs: minute, resetMs: minute },
      ]);
    });

    it('slides: each hit leaves the window exactly when it is as old as the window', async () => {
      const hit = { key, rule: { limit: 2, windowMs: minute } };
      await limits.hit(hit);
      now += 20_000;
      await limits.hit(hit);

      now += 39_999;
      const early = await limits.hit(hit);
      now += 1;
      const onTime = await limits.hit(hit);
      const after = await limits.hit(hit);

      expect(early).toMatchObject({ isAllowed: false, retryAfterMs: 1, resetMs: 20_001 });
      expect(onTime).toMatchObject({ isAllowed: true, remaining: 0 });
      expect(after).toMatchObject({ isAllowed: false, retryAfterMs: 20_000, resetMs: minute });
    });

    it('judges hits that come at the same moment each by itself', async () => {
      const once = { key, rule: { limit: 1, windowMs: minute } };
      const other = { key: `${key}:other`, rule: { limit: 5, windowMs: minute } };

      const verdicts = await Promise.all([once, once, other, once, other].map((hit) => limits.hit(hit)));

      expect(verdicts.map(({ isAllowed, remaining }) => [isAllowed, remaining])).toEqual([
        [true, 0],
        [false, 0],
        [true, 4],
        [false, 0],
        [true, 3],
      ]);
    });

    it('does not count a refused hit', async () => {
      const hit = { key, rule: { limit: 1, windowMs: minute } };
      await limits.hit(hit);
      now += 30_000;
      for (let index = 0; index < 10; index += 1) await limits.hit(hit);

      now += 30_000;

      expect((await limits.hit(hit)).isAllowed).toBe(true);
    });

    it('weighs a hit by its cost', async () => {
      const rule = { limit: 10, windowMs: minute };

      const seven = await limits.hit({ key, rule, cost: 7 });
      now += 1_000;
      const four = await limits.hit({ key, rule, cost: 4 });
      const three = await limits.hit({ key, rule, cost: 3 });

      expect(seven).toMatchObject({ isAllowed: true, remaining: 3 });
      expect(four).toMatchObject({ isAllowed: false, remaining: 3, retryAfterMs: 59_000 });
      expect(three).toMatchObject({ isAllowed: true, remaining: 0 });
    });

    it('refuses for good what is heavier than the limit', async () => {
      const verdict = await limits.hit({ key, rule: { limit: 3, windowMs: minute }, cost: 4 });

      expect(verdict).toEqual({ isAllowed: false, remaining: 3, retryAfterMs: minute, resetMs: 0 });
    });

    it('looks without counting when the cost is 0', async () => {
      const rule = { limit: 1, windowMs: minute };

      const before = await limits.hit({ key, rule, cost: 0 });
      await limits.hit({ key, rule });
      now += 15_000;
      const after = await limits.hit({ key, rule, cost: 0 });

      expect(before).toEqual({ isAllowed: true, remaining: 1, retryAfterMs: 0, resetMs: 0 });
      expect(after).toEqual({ isAllowed: false, remaining: 0, retryAfterMs: 45_000, resetMs: 45_000 });
    });

    it('keeps keys and windows of different lengths apart', async () => {
      const short = { limit: 1, windowMs: minute };
      const long = { limit: 1, windowMs: 60 * minute };
      await limits.hit({ key, rule: short });

      const verdicts = [
        await limits.hit({ key, rule: long }),
        await limits.hit({ key: `${key}:other`, rule: short }),
        await limits.hit({ key, rule: short }),
      ];

      expect(verdicts.map((verdict) => verdict.isAllowed)).toEqual([true, true, false]);
    });

    it('counts all hits of one call or none', async () => {
      const tight = { key: `${key}:tight`, rule: { limit: 1, windowMs: minute } };
      const loose = { key: `${key}:loose`, rule: { limit: 5, windowMs: minute } };

      const first = await limits.hitAll([loose, tight]);
      const second = await limits.hitAll([loose, tight]);
      const looseNow = await limits.hit({ ...loose, cost: 0 });

      expect(first.map((verdict) => verdict.isAllowed)).toEqual([true, true]);
      expect(second.map((verdict) => [verdict.isAllowed, verdict.remaining])).toEqual([
        [true, 4],
        [false, 0],
      ]);
      expect(looseNow.remaining).toBe(4);
    });

    it('judges calls that come at the same moment each by itself, with all of its hits or none', async () => {
      const tight = { key: `${key}:tight`, rule: { limit: 2, windowMs: minute } };
      const loose = { key: `${key}:loose`, rule: { limit: 9, windowMs: minute } };

      const verdicts = await Promise.all([
        limits.hitAll([loose, tight]),
        limits.hitAll([tight, loose, tight]),
        limits.hit(loose),
        limits.hitAll([loose, tight]),
        limits.hitAll([loose, tight]),
      ]);
      const now = await limits.hitAll([loose, tight].map((hit) => ({ ...hit, cost: 0 })));

      const told = verdicts.flat().map(({ isAllowed, remaining }) => [isAllowed, remaining]);
      expect(told).toEqual([
        ...[
          [true, 8],
          [true, 1],
        ],
        // The second of its two does not fit, so that nothing of it is counted.
        ...[
          [true, 1],
          [true, 8],
          [false, 1],
        ],
        [true, 7],
        ...[
          [true, 6],
          [true, 0],
        ],
        ...[
          [true, 6],
          [false, 0],
        ],
      ]);
      expect(now.map(({ remaining }) => remaining)).toEqual([6, 0]);
    });

    it('agrees with a naive model on calls that come at the same moment', { timeout: 60_000 }, async () => {
      const hit = fc.record({
        key: fc.constantFrom('a', 'b', 'c'),
        rule: fc.constantFrom({ limit: 4, windowMs: minute }, { limit: 7, windowMs: 2 * minute }),
        cost: fc.integer({ min: 0, max: 3 }),
      });
      const call = fc.array(hit, { minLength: 1, maxLength: 3 });
      const step = fc.record({
        afterMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 50_000 })),
        calls: fc.array(call, { minLength: 1, maxLength: 6 }),
      });

      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
          const model = new NaiveLimits();
          const run = randomUUID();
          for (const { afterMs, calls } of steps) {
            now += afterMs;
            const named = calls.map((hits) => hits.map((item) => ({ ...item, key: `${run}:${item.key}` })));
            const verdicts = await Promise.all(named.map((hits) => limits.hitAll(hits)));
            const told = (list: readonly { isAllowed: boolean; remaining: number }[]) =>
              list.map(({ isAllowed, remaining }) => [isAllowed, remaining]);
            expect(verdicts.map(told)).toEqual(named.map((hits) => told(model.hitAll(hits, now))));
          }
        }),
        { numRuns: 60 },
      );
    });

    it('counts a key twice that stands twice in one call', async () => {
      const hit = { key, rule: { limit: 3, windowMs: minute } };

      const twice = await limits.hitAll([hit, hit]);
      const again = await limits.hitAll([hit, hit]);

      expect(twice.map((verdict) => verdict.remaining)).toEqual([2, 1]);
      expect(again.map((verdict) => verdict.isAllowed)).toEqual([true, false]);
      expect((await limits.hit({ ...hit, cost: 0 })).remaining).toBe(1);
    });

    it('has no verdicts for no hits', async () => {
      expect(await limits.hitAll([])).toEqual([]);
    });

    it('counts on when the clock goes back', async () => {
      const hit = { key, rule: { limit: 2, windowMs: minute } };
      await limits.hit(hit);

      now -= 10_000;
      const second = await limits.hit(hit);
      const third = await limits.hit(hit);

      expect([second.isAllowed, third.isAllowed]).toEqual([true, false]);
      expect(third.retryAfterMs).toBe(minute);
    });

    it('takes any text as a key', async () => {
      const rule = { limit: 1, windowMs: minute };
      const keys = [`${key}{a}`, `${key}{b}`, `${key}:ü 日本 "\r\n`, `${key}*`];

      const verdicts = await limits.hitAll(keys.map((text) => ({ key: text, rule })));

      expect(verdicts.every((verdict) => verdict.isAllowed)).toBe(true);
    });

    it('agrees with a naive model on any sequence of hits', { timeout: 60_000 }, async () => {
      const hit = fc.record({
        key: fc.constantFrom('a', 'b'),
        rule: fc.constantFrom({ limit: 3, windowMs: minute }, { limit: 5, windowMs: 2 * minute }),
        cost: fc.integer({ min: 0, max: 4 }),
      });
      const step = fc.record({
        afterMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 50_000 }), fc.constant(minute)),
        hits: fc.array(hit, { minLength: 1, maxLength: 3 }),
      });

      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), async (steps) => {
          const model = new NaiveLimits();
          const run = randomUUID();
          for (const { afterMs, hits } of steps) {
            now += afterMs;
            const named: WindowHit[] = hits.map((item) => ({ ...item, key: `${run}:${item.key}` }));
            expect(await limits.hitAll(named)).toEqual(model.hitAll(named, now));
          }
        }),
        { numRuns: 150 },
      );
    });
  });

  describe(`limits in ${name}: long windows`, () => {
    it('agrees with a naive model when the limit of a long window changes', { timeout: 60_000 }, async () => {
      const step = fc.record({
        afterMs: fc.oneof({ weight: 9, arbitrary: fc.nat(900) }, fc.integer({ min: 0, max: 90_000 })),
        // Most hits fill the window, others look at it with a lower limit.
        limit: fc.oneof({ weight: 4, arbitrary: fc.constant(1_000) }, fc.integer({ min: 1, max: 200 })),
        cost: fc.integer({ min: 0, max: 3 }),
      });

      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 60, maxLength: 150 }), async (steps) => {
          const model = new NaiveLimits();
          const run = randomUUID();
          for (const { afterMs, limit, cost } of steps) {
            now += afterMs;
            const hit = { key: run, rule: { limit, windowMs: minute }, cost };
            expect(await limits.hitAll([hit])).toEqual(model.hitAll([hit], now));
          }
        }),
        { numRuns: 30 },
      );
    });
  });

  describe(`limits in ${name}: locks`, () => {
    it('gives a lock to one and to the next when it is released', async () => {
      const token = await limits.acquire(key, 10_000);
      const whileHeld = await limits.acquire(key, 10_000);
      const isReleased = await limits.release(key, token ?? '');
      const next = await limits.acquire(key, 10_000);

      expect(token).toBeTypeOf('string');
      expect(whileHeld).toBeUndefined();
      expect(isReleased).toBe(true);
      expect(next).toBeTypeOf('string');
      expect(next).not.toBe(token);
    });

    it('releases nothing for a token that is not the holder’s', async () => {
      await limits.acquire(key, 10_000);

      const isReleased = await limits.release(key, 'guess');

      expect(isReleased).toBe(false);
      expect(await limits.acquire(key, 10_000)).toBeUndefined();
    });

    it('ends a lock by itself, and its token with it', async () => {
      const token = await limits.acquire(key, 60);
      now += 60;

      const next = await vi.waitFor(async () => {
        const taken = await limits.acquire(key, 10_000);
        expect(taken).toBeDefined();
        return taken;
      });

      expect(await limits.release(key, token ?? '')).toBe(false);
      expect(await limits.release(key, next ?? '')).toBe(true);
    });

    it('keeps locks of different keys, and windows of the same key, apart', async () => {
      await limits.acquire(key, 10_000);

      const other = await limits.acquire(`${key}:other`, 10_000);
      const verdict = await limits.hit({ key, rule: { limit: 1, windowMs: minute } });

      expect(other).toBeDefined();
      expect(verdict.isAllowed).toBe(true);
    });
  });

  it(`limits in ${name} answer a ping`, async () => {
    await expect(limits.ping()).resolves.toBeUndefined();
  });

  describe(`limits in ${name}: notes`, () => {
    it('are read until they are replaced, dropped or over', async () => {
      await limits.note(key, 'first', minute);
      await limits.note(key, '{"a":"ü 日本 \\u0000"}', minute);

      expect(await limits.readNote(key)).toBe('{"a":"ü 日本 \\u0000"}');
      expect(await limits.readNote(`${key}:other`)).toBeUndefined();

      await limits.dropNote(key);
      expect(await limits.readNote(key)).toBeUndefined();

      await limits.note(key, 'brief', 20);
      now += 20;
      await vi.waitFor(async () => expect(await limits.readNote(key)).toBeUndefined());
    });
  });
}
