import type { Handler } from '@inferry/bus';
import { AppError, type readUsage, type UsageTotals } from '@inferry/contracts';
import { readUsageRows, readUsageTotals, type UsageTotal } from '@inferry/database';
import { createCursors } from '@inferry/runtime';
import { z } from 'zod';
import type { InferenceDeps } from '../deps.ts';
import { fromMicros, toRfc3339 } from '../runs/run-document.ts';

/** How many buckets were shown. */
const cursors = createCursors({ place: z.int().min(0), of: 'list' });

/**
 * What the caller ran and was charged, in each currency apart, and how many runs there are of which nobody tells the
 * cost: an amount alone would read as all that was spent.
 */
export function handleReadUsage(deps: Pick<InferenceDeps, 'database'>): Handler<typeof readUsage> {
  return async ({ limit, cursor, since, until, ...rest }, { principal }) => {
    const { subject } = principal;
    const query = [subject, since, until, rest.bucket, rest.provider];
    const offset = cursor === undefined ? 0 : cursors.read(query, cursor);
    const request = {
      subject,
      since: toTime(since),
      until: toTime(until),
      bucket: rest.bucket,
      provider: rest.provider,
      limit: limit + 1,
      offset,
    };
    const rows = await readUsageRows(deps.database, request);
    const totals = await readUsageTotals(deps.database, request);
    const [total = { currency: 'USD', runs: 0, chargedMicros: 0 }, ...others] = totals;
    return {
      totals: toUsage(total),
      ...(others.length === 0 ? {} : { other_totals: others.map(toUsage) }),
      buckets: rows
        .slice(0, limit)
        .map((row) => ({ ...toUsage(row), start: toRfc3339(row.start), provider: row.provider })),
      ...(rows.length > limit ? { next_cursor: cursors.write(query, offset + limit) } : {}),
    };
  };
}

function toUsage({ runs, chargedMicros, currency, ...rest }: UsageTotal): UsageTotals {
  const { assumedMicros: assumed, unknownRuns: unknown } = rest;
  return {
    runs,
    charged: fromMicros(chargedMicros),
    currency,
    ...(assumed === undefined ? {} : { assumed: fromMicros(assumed) }),
    ...(unknown === undefined ? {} : { unknown_cost_runs: unknown }),
  };
}

function toTime(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const time = Date.parse(value);
  if (Number.isNaN(time)) throw new AppError('validation_failed', 'since and until are RFC 3339 times.');
  return time;
}
