import { describe, expect, it } from 'vitest';
import { backoffMs, defaultTimings, pollDelayMs } from './timings.ts';

const middle = () => 0.5;
const delay = (ageMs: number, pollAfterMs?: number, random = middle) =>
  pollDelayMs({ ageMs, pollAfterMs }, defaultTimings, random);

describe('pollDelayMs', () => {
  it.each([
    [0, 2_000],
    [29_999, 2_000],
  ])('polls a run of %d ms again after %d ms [RF-24]', (age, expected) => {
    expect(delay(age)).toBe(expected);
  });

  it.each([
    [30_000, 5_000],
    [119_999, 5_000],
  ])('polls a run of %d ms again after %d ms [RF-25]', (age, expected) => {
    expect(delay(age)).toBe(expected);
  });

  it.each([
    [120_000, 10_000],
    [3_600_000, 10_000],
  ])('polls a run of %d ms again after %d ms [RF-26]', (age, expected) => {
    expect(delay(age)).toBe(expected);
  });

  it('does as the platform asks, within bounds', () => {
    expect([delay(0, 700), delay(0, 1), delay(0, 3_600_000), delay(0, Number.NaN)]).toEqual([
      700, 100, 60_000, 2_000,
    ]);
  });

  it('is jittered by a tenth', () => {
    expect([delay(0, undefined, () => 0), delay(0, undefined, () => 1)]).toEqual([1_800, 2_200]);
  });
});

describe('backoffMs', () => {
  it('doubles up to its limit', () => {
    const waits = [1, 2, 3, 6, 1_000].map((failures) => backoffMs(failures, defaultTimings, middle));

    expect(waits).toEqual([1_000, 2_000, 4_000, 30_000, 30_000]);
  });
});

describe('defaultTimings', () => {
  it('replace a killed replica within ten seconds', () => {
    const { leaseMs, tickMs, renewMs } = defaultTimings;

    expect(leaseMs + tickMs * 1.1).toBeLessThan(10_000);
    expect(renewMs * 3).toBeLessThan(leaseMs);
  });

  it('try a webhook for about a day [MRD-04]', () => {
    const totalMs = defaultTimings.webhookRetriesMs.reduce((sum, ms) => sum + ms, 0);

    expect(totalMs / 60_000).toBeGreaterThan(22 * 60);
    expect(totalMs / 60_000).toBeLessThan(26 * 60);
  });
});
