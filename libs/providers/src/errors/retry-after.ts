/** Header fields by lower-case name. */
export type Headers = Readonly<Record<string, string | undefined>>;

/** Nobody is told to wait longer than this, whatever a platform says. */
const maxSeconds = 86_400;

/**
 * Seconds to wait before a retry: the longest that any of the reply's headers asks for (`retry-after` in seconds or as
 * a date, `retry-after-ms`, `ratelimit` and `x-ratelimit-reset*`). Undefined when none says so.
 */
export function retryAfterSeconds(headers: Headers, now: number = Date.now()): number | undefined {
  const asked = [
    fromRetryAfter(headers['retry-after'], now),
    scaled(headers['retry-after-ms'], 0.001),
    fromRateLimit(headers.ratelimit),
  ].filter((seconds) => seconds !== undefined);
  if (asked.length === 0) return undefined;
  return Math.min(Math.ceil(Math.max(...asked)), maxSeconds);
}

function fromRetryAfter(value: string | undefined, now: number): number | undefined {
  if (value === undefined) return undefined;
  if (/^\s*\d+(\.\d+)?\s*$/.test(value)) return Number(value);
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, (date - now) / 1_000);
}

function scaled(value: string | undefined, factor: number): number | undefined {
  return value !== undefined && /^\d+(\.\d+)?$/.test(value) ? Number(value) * factor : undefined;
}

/** `"minute";r=0;t=12, "hour";r=90;t=1800`: a window with nothing remaining opens again in `t` seconds. */
function fromRateLimit(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const waits = value.split(',').flatMap((window) => {
    const remaining = /(?:^|[;\s])r=(\d+)/.exec(window)?.[1];
    const reset = /(?:^|[;\s])t=(\d+)/.exec(window)?.[1];
    return remaining === '0' && reset !== undefined ? [Number(reset)] : [];
  });
  return waits.length === 0 ? undefined : Math.max(...waits);
}
