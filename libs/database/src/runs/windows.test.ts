import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isTimeZone, parseWindow, windowBounds } from './windows.ts';

const bounds = ([window = '', zone = '', now = '']: readonly string[]) => {
  const { start, end } = windowBounds(window, zone, Date.parse(now));
  const shown = (at: number | undefined) =>
    at === undefined ? undefined : new Date(at).toISOString().slice(0, 16);
  return [shown(start), shown(end)];
};

describe('a window of the calendar', () => {
  it.each([
    // The clock goes forward on 29 March 2026 in Berlin: a day of 23 hours, and of 25 on 25 October.
    ['day', 'Europe/Berlin', '2026-03-29T12:00Z', '2026-03-28T23:00', '2026-03-29T22:00'],
    ['day', 'Europe/Berlin', '2026-10-25T12:00Z', '2026-10-24T22:00', '2026-10-25T23:00'],
    ['day', 'America/Los_Angeles', '2026-07-01T06:59Z', '2026-06-30T07:00', '2026-07-01T07:00'],
    // Midnight itself is left out there.
    ['day', 'Africa/Cairo', '2026-04-24T12:00Z', '2026-04-23T22:00', '2026-04-24T21:00'],
    // Midnight comes twice there: the day begins with the first.
    ['day', 'America/Havana', '2026-11-01T04:30Z', '2026-11-01T04:00', '2026-11-02T05:00'],
    ['day', 'America/Havana', '2026-11-01T05:30Z', '2026-11-01T04:00', '2026-11-02T05:00'],
    ['day', 'America/Havana', '2026-03-08T12:00Z', '2026-03-08T05:00', '2026-03-09T04:00'],
    ['month', 'Africa/Cairo', '2026-04-30T20:59Z', '2026-03-31T22:00', '2026-04-30T21:00'],
    ['month@29', 'Europe/Berlin', '2026-03-29T01:30Z', '2026-03-28T23:00', '2026-04-28T22:00'],
    ['month@29', 'UTC', '2027-03-01T00:00Z', '2027-02-28T00:00', '2027-03-29T00:00'],
    ['month@29', 'UTC', '2028-03-01T00:00Z', '2028-02-29T00:00', '2028-03-29T00:00'],
    ['year', 'UTC', '2028-02-29T12:00Z', '2028-01-01T00:00', '2029-01-01T00:00'],
    ['day', 'Asia/Kolkata', '2026-05-05T18:29Z', '2026-05-04T18:30', '2026-05-05T18:30'],
    ['week', 'UTC', '2026-11-29T23:59Z', '2026-11-23T00:00', '2026-11-30T00:00'],
    ['week', 'Pacific/Auckland', '2026-11-29T12:00Z', '2026-11-29T11:00', '2026-12-06T11:00'],
    ['month', 'Europe/Berlin', '2026-03-31T21:59Z', '2026-02-28T23:00', '2026-03-31T22:00'],
    ['month@31', 'UTC', '2026-02-27T23:59Z', '2026-01-31T00:00', '2026-02-28T00:00'],
    ['month@31', 'UTC', '2026-02-28T00:00Z', '2026-02-28T00:00', '2026-03-31T00:00'],
    ['month@31', 'UTC', '2028-02-29T00:00Z', '2028-02-29T00:00', '2028-03-31T00:00'],
    ['month@15', 'UTC', '2026-01-14T23:59Z', '2025-12-15T00:00', '2026-01-15T00:00'],
    ['year', 'Asia/Tokyo', '2026-12-31T15:00Z', '2026-12-31T15:00', '2027-12-31T15:00'],
    ['hour', 'Asia/Kathmandu', '2026-12-31T15:20Z', '2026-12-31T15:15', '2026-12-31T16:15'],
  ])('%s in %s at %s', (...row) => {
    expect(bounds(row)).toEqual(row.slice(3));
  });

  it('that is all of time has neither start nor end', () => {
    expect(windowBounds('total', 'UTC', Date.now())).toEqual({ start: 0, end: undefined });
  });

  it('holds its moment, ends where the next begins, and is as long as such a window can be', () => {
    const zones = [
      'UTC',
      'Europe/Berlin',
      'America/St_Johns',
      'Australia/Lord_Howe',
      'Pacific/Apia',
      'Africa/Cairo',
    ];
    const lengths = {
      hour: [1, 1],
      day: [23, 25],
      week: [167, 169],
      month: [671, 745],
      year: [8_759, 8_785],
    };
    const unit = fc.constantFrom(...(Object.keys(lengths) as (keyof typeof lengths)[]));
    const at = fc.integer({ min: Date.parse('2015-01-01'), max: Date.parse('2035-01-01') });
    fc.assert(
      fc.property(unit, fc.constantFrom(...zones), at, (window, zone, now) => {
        const { start, end = 0 } = windowBounds(window, zone, now);
        const hours = (end - start) / 3_600_000;

        expect(start).toBeLessThanOrEqual(now);
        expect(end).toBeGreaterThan(now);
        expect(windowBounds(window, zone, end).start).toBe(end);
        expect(windowBounds(window, zone, end - 1)).toEqual({ start, end });
        expect(hours).toBeGreaterThanOrEqual((lengths[window][0] ?? 0) - 0.5);
        expect(hours).toBeLessThanOrEqual((lengths[window][1] ?? 0) + 0.5);
      }),
      { numRuns: 300 },
    );
  });
});

describe('a rolling window', () => {
  it.each([
    ['rolling:24h', 'Europe/Berlin', '2026-03-29T12:00Z', '2026-03-28T12:00'],
    // A day back by the clock is 23 hours on that day.
    ['rolling:1d', 'Europe/Berlin', '2026-03-29T12:00Z', '2026-03-28T13:00'],
    ['rolling:2w', 'UTC', '2026-03-29T12:00Z', '2026-03-15T12:00'],
    // There is no 31 February: what had left the window by 28 March does not come back.
    ['rolling:1mo', 'UTC', '2026-03-28T23:59Z', '2026-02-28T23:59'],
    ['rolling:1mo', 'UTC', '2026-03-31T10:30Z', '2026-03-01T00:00'],
    ['rolling:1mo', 'UTC', '2026-04-01T00:00Z', '2026-03-01T00:00'],
    ['rolling:1mo', 'Europe/Berlin', '2026-04-29T00:30Z', '2026-03-29T01:30'],
    ['rolling:1mo', 'UTC', '2028-03-29T08:00Z', '2028-02-29T08:00'],
    ['rolling:12mo', 'UTC', '2029-02-28T08:00Z', '2028-02-28T08:00'],
    ['rolling:12mo', 'UTC', '2028-02-29T08:00Z', '2027-03-01T00:00'],
    // That time of the clock did not come on that day, or came twice.
    ['rolling:1d', 'Europe/Berlin', '2026-03-30T00:30Z', '2026-03-29T01:30'],
    ['rolling:1d', 'Europe/Berlin', '2026-10-26T01:30Z', '2026-10-25T00:30'],
    ['rolling:13mo', 'UTC', '2026-01-31T00:00Z', '2024-12-31T00:00'],
  ])('%s in %s at %s', (...row) => {
    expect(bounds(row)).toEqual([row[3], undefined]);
  });

  it('of months never goes back, and is of 28 to 31 days', () => {
    const at = fc.integer({ min: Date.parse('2015-01-01'), max: Date.parse('2035-01-01') });
    const later = fc.integer({ min: 0, max: 40 * 86_400_000 });
    fc.assert(
      fc.property(at, later, (now, ms) => {
        const { start } = windowBounds('rolling:1mo', 'UTC', now);
        const days = (now - start) / 86_400_000;

        expect(windowBounds('rolling:1mo', 'UTC', now + ms).start).toBeGreaterThanOrEqual(start);
        expect(days).toBeGreaterThanOrEqual(28);
        expect(days).toBeLessThanOrEqual(31);
      }),
      { numRuns: 500 },
    );
  });
});

it.each(['', 'fortnight', 'rolling:0d', 'rolling:5', 'rolling:5y', 'month@0', 'month@32', 'day@3'])(
  'there is no window %j',
  (text) => {
    expect(parseWindow(text)).toBeUndefined();
  },
);

it('tells time zones from other words', () => {
  expect(['Europe/Berlin', 'UTC', 'Mars/Base', ''].map(isTimeZone)).toEqual([true, true, false, false]);
});
