import { expect, it } from 'vitest';
import { nextDelayMs } from './next-delay.ts';

const rule = { intervalMs: 10_000, random: 0.5 };

it('waits for the interval after a success', () => {
  expect(nextDelayMs(0, rule)).toBe(10_000);
});

it('doubles from two seconds after each failure, up to the interval', () => {
  expect([1, 2, 3, 4, 500].map((failures) => nextDelayMs(failures, rule))).toEqual([
    2_000, 4_000, 8_000, 10_000, 10_000,
  ]);
});

it('spreads replicas by a fifth to either side', () => {
  expect(nextDelayMs(0, { ...rule, random: 0 })).toBe(8_000);
  expect(nextDelayMs(0, { ...rule, random: 1 })).toBe(12_000);
});
