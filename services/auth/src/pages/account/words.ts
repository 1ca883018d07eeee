import { isScope, scopes } from '@inferry/contracts';

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
