/** The windows that budgets count in: calendar ones in a time zone, and rolling ones. Month ends and changed clocks are theirs to know. */

export interface BudgetWindow {
  /** Of a calendar window: what it is of; `total` has neither start nor end. */
  unit: 'hour' | 'day' | 'week' | 'month' | 'year' | 'total';
  /** Rolling: how many of the unit back from now. */
  rolling: number | undefined;
  /** Of a calendar month: the day it begins on; in a shorter month the last one. */
  anchorDay: number;
}

const calendar = ['hour', 'day', 'week', 'month', 'year', 'total'] as const;
const rollingUnits = { h: 'hour', d: 'day', w: 'week', mo: 'month' } as const;

/** `day`, `week` (from Monday), `month`, `month@15`, `year`, `hour`, `total`; `rolling:24h`, `rolling:7d`, `rolling:4w`, `rolling:1mo`. */
export function parseWindow(text: string): BudgetWindow | undefined {
  const unit = calendar.find((known) => known === text);
  if (unit !== undefined) return { unit, rolling: undefined, anchorDay: 1 };
  const [, day] = /^month@(\d{1,2})$/.exec(text) ?? [];
  if (day !== undefined && Number(day) >= 1 && Number(day) <= 31) {
    return { unit: 'month', rolling: undefined, anchorDay: Number(day) };
  }
  const [, count, letter] = /^rolling:(\d{1,4})(h|d|w|mo)$/.exec(text) ?? [];
  if (count === undefined || Number(count) < 1) return undefined;
  // as: the pattern takes these letters alone.
  return { unit: rollingUnits[letter as keyof typeof rollingUnits], rolling: Number(count), anchorDay: 1 };
}

export function isTimeZone(name: string): boolean {
  try {
    return partsIn(name).resolvedOptions().timeZone !== '';
  } catch {
    // What Intl does not know is none.
    return false;
  }
}

/** From when on a window counts now, and when it ends; a rolling one has no end, and `total` neither. */
export function windowBounds(
  text: string,
  timeZone: string,
  now: number,
): { start: number; end: number | undefined } {
  const window = parseWindow(text) ?? { unit: 'total', rolling: undefined, anchorDay: 1 };
  if (window.unit === 'total') return { start: 0, end: undefined };
  if (window.rolling !== undefined) return { start: startOfRolling(window, timeZone, now), end: undefined };
  if (window.unit === 'hour') {
    const into = offsetAt(now, timeZone) + now;
    const start = now - (((into % hourMs) + hourMs) % hourMs);
    return { start, end: start + hourMs };
  }
  const [start, end] = edgesOf(window, dateOf(localOf(now, timeZone)));
  return { start: toEpoch(start, timeZone), end: toEpoch(end, timeZone) };
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** A local date and time as if it were one in UTC. */
type Local = number;

/** Both midnights around a date, as local times. */
function edgesOf({ unit, anchorDay }: BudgetWindow, date: Local): [Local, Local] {
  const { year, month, day } = fieldsOf(date);
  if (unit === 'day') return [date, date + dayMs];
  if (unit === 'week') {
    const monday = date - ((new Date(date).getUTCDay() + 6) % 7) * dayMs;
    return [monday, monday + 7 * dayMs];
  }
  if (unit === 'year') return [Date.UTC(year, 0), Date.UTC(year + 1, 0)];
  const begin = day >= Math.min(anchorDay, daysIn(year, month)) ? month : month - 1;
  return [anchored(year, begin, anchorDay), anchored(year, begin + 1, anchorDay)];
}

function anchored(year: number, month: number, day: number): Local {
  return Date.UTC(year, month, Math.min(day, daysIn(year, month)));
}

function daysIn(year: number, month: number): number {
  return new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
}

/**
 * Hours are of sixty minutes; days, weeks and months go back to the same time of the clock. Where the month it goes back to has
 * no such day, it begins with the next one: a start never goes back, so that nothing counts again that had left the window.
 */
function startOfRolling({ unit, rolling = 1 }: BudgetWindow, timeZone: string, now: number): number {
  if (unit === 'hour') return now - rolling * hourMs;
  const local = localOf(now, timeZone);
  if (unit !== 'month') return toEpoch(local - rolling * (unit === 'week' ? 7 : 1) * dayMs, timeZone);
  const { year, month, day } = fieldsOf(local);
  const begin = month - rolling;
  const start =
    day > daysIn(year, begin)
      ? Date.UTC(year, begin + 1)
      : anchored(year, begin, day) + (local - dateOf(local));
  return toEpoch(start, timeZone);
}

function fieldsOf(local: Local): { year: number; month: number; day: number } {
  const date = new Date(local);
  return { year: date.getUTCFullYear(), month: date.getUTCMonth(), day: date.getUTCDate() };
}

function dateOf(local: Local): Local {
  return Math.floor(local / dayMs) * dayMs;
}

function localOf(at: number, timeZone: string): Local {
  return at + offsetAt(at, timeZone);
}

/** When the clock shows this; the first time where it does so twice, and as much later as was left out where it never does. */
function toEpoch(local: Local, timeZone: string): number {
  const [before, after] = [local - dayMs, local + dayMs].map((near) => offsetAt(near, timeZone));
  const found = [before, after]
    .map((offset = 0) => local - offset)
    .filter((at) => localOf(at, timeZone) === local);
  return found.length > 0 ? Math.min(...found) : local - (before ?? 0);
}

/** By how much the clock is ahead of UTC then. */
function offsetAt(at: number, timeZone: string): number {
  if (timeZone === 'UTC') return 0;
  const whole = Math.floor(at / 1_000) * 1_000;
  const told = new Map(
    partsIn(timeZone)
      .formatToParts(whole)
      .map(({ type, value }) => [type, Number(value)]),
  );
  const part = (type: Intl.DateTimeFormatPartTypes) => told.get(type) ?? 0;
  const local = Date.UTC(
    part('year'),
    part('month') - 1,
    part('day'),
    part('hour'),
    part('minute'),
    part('second'),
  );
  return local - whole;
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** Making one takes longer than all the rest. Throws for a name that is no time zone. */
function partsIn(timeZone: string): Intl.DateTimeFormat {
  const known = formats.get(timeZone);
  if (known !== undefined) return known;
  const made = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    ...{ year: 'numeric', month: 'numeric', day: 'numeric' },
    ...{ hour: 'numeric', minute: 'numeric', second: 'numeric' },
  });
  formats.set(timeZone, made);
  return made;
}
