import {
  isScope,
  isTerminal,
  type RunCost,
  type RunStatus,
  scopes,
  type UsageTotals,
} from '@inferry/contracts';

/** `3 hours ago`, or the date when it is longer than a month. */
export function ago(at: number, now: number): string {
  const minutes = Math.floor((now - at) / 60_000);
  if (minutes < 1) return 'just now';
  if (minutes < 60) return plural(minutes, 'minute');
  if (minutes < 1_440) return plural(Math.floor(minutes / 60), 'hour');
  if (minutes < 43_200) return plural(Math.floor(minutes / 1_440), 'day');
  return `on ${day(at)}`;
}

function plural(count: number, unit: string): string {
  return `${count} ${unit}${count === 1 ? '' : 's'} ago`;
}

/** `21 Nov 2026`, in UTC: the server does not know where the reader is. */
export function day(at: number): string {
  const options = { day: 'numeric', month: 'short', year: 'numeric', timeZone: 'UTC' } as const;
  return new Intl.DateTimeFormat('en-GB', options).format(at);
}

/** `$0.07`; a unit that is no currency stands behind the figure. */
export function money(amount: number, currency: string): string {
  if (!/^[A-Z]{3}$/.test(currency)) return `${number(amount)} ${currency}`;
  const digits = amount !== 0 && Math.abs(amount) < 0.01 ? 4 : 2;
  const options = {
    style: 'currency',
    currency,
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  } as const;
  return new Intl.NumberFormat('en-US', options).format(amount);
}

export function number(amount: number): string {
  return new Intl.NumberFormat('en-US', { maximumFractionDigits: 2 }).format(amount);
}

/** What scopes allow, as one sentence. */
export function meaningOf(granted: readonly string[]): string {
  const texts = granted.filter(isScope).map((scope) => scopes[scope]);
  return texts.length === 0 ? 'Nothing' : `${texts.join('. ')}.`;
}

const momentParts = {
  ...({ day: 'numeric', month: 'short', year: 'numeric' } as const),
  ...({ hour: '2-digit', minute: '2-digit', timeZone: 'UTC' } as const),
};

/** `21 Nov 2026, 15:04 UTC`. */
export function moment(at: number, hasSeconds = false): string {
  const options: Intl.DateTimeFormatOptions = hasSeconds
    ? { ...momentParts, second: '2-digit' }
    : momentParts;
  return `${new Intl.DateTimeFormat('en-GB', options).format(at)} UTC`;
}

/** `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`. */
export function took(ms: number): string {
  const seconds = Math.max(0, ms) / 1_000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const whole = Math.round(seconds);
  if (whole < 3_600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3_600)} h ${Math.floor((whole % 3_600) / 60)} min`;
}

/** What a run costs, in words that never read an unknown amount as nothing. */
export function costWords(cost: RunCost | undefined, status: RunStatus): string {
  const { currency = 'USD', charged, reserved, assumed, unknown } = cost ?? {};
  if (unknown === true) return spentWords({ charged: charged ?? 0, currency, unknown_cost_runs: 1 });
  if (charged !== undefined) return money(charged, currency);
  if (assumed !== undefined) return `unknown, at most ${money(assumed, currency)}`;
  if (reserved !== undefined && reserved > 0) return `at most ${money(reserved, currency)}`;
  return isTerminal(status) ? 'not charged' : 'not known yet';
}

/** What many runs cost: an amount that leaves runs out says so. */
export function spentWords({
  charged,
  currency,
  unknown_cost_runs: unknown = 0,
}: Omit<UsageTotals, 'runs'>): string {
  if (unknown === 0) return money(charged, currency);
  if (charged === 0) return 'unknown';
  return `${money(charged, currency)} + unknown`;
}
