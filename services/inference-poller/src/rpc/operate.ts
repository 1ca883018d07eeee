/** What operators see of the deployment and set right from its pages, as `npm run admin` does on its machine. */
import type { Handler } from '@inferry/bus';
import {
  AppError,
  type operate,
  operatorScope,
  otherModels,
  type Principal,
  type readOperation,
  type readSpend,
  type SpendRow,
} from '@inferry/contracts';
import {
  addAudit,
  countOpenRuns,
  type LimitUse,
  listDeliveries,
  listLateRuns,
  listPauses,
  listRunLimits,
  type RunLimit,
  readLimitUses,
  readSpentBy,
  replayDelivery,
  type SpentRow,
  setPause,
} from '@inferry/database';
import type { z } from 'zod';
import type { InferenceDeps } from '../deps.ts';
import { fromMicros, toRfc3339 } from '../runs/run-document.ts';
import { toDelivery } from './deliveries.ts';

type Deps = Pick<InferenceDeps, 'database' | 'now' | 'providers'>;
type Part = z.infer<typeof readOperation.output>;

/** Runs that are due for less than this are on their way. */
const lateMs = 2_000;
const monthMs = 30 * 86_400_000;

/** What the caller was charged, by day and by model. */
export function handleReadSpend({ database }: Pick<Deps, 'database'>): Handler<typeof readSpend> {
  return async ({ since, until, by, limit }, { principal }) => {
    const rows = await readSpentBy(database, {
      ...{ by, subject: principal.subject },
      ...{ since: Date.parse(since), until: Date.parse(until) },
    });
    const told = rows.map(toSpent);
    return told.length <= limit ? { rows: told } : { rows: folded(told, limit), is_folded: true };
  };
}

/** No more rows than fit: those of the models that cost most stay, and of each day the others are summed. */
function folded(rows: readonly SpendRow[], limit: number): SpendRow[] {
  const sums = new Map<string, number>();
  for (const { model = '', charged } of rows) sums.set(model, (sums.get(model) ?? 0) + charged);
  const places = new Set(rows.map(({ day, currency }) => `${day} ${currency}`)).size;
  const kept = Math.max(0, Math.floor(limit / places) - 1);
  const dearest = [...sums].sort(([, one], [, other]) => other - one).slice(0, kept);
  const own = new Set(dearest.map(([model]) => model));
  const others = new Map<string, SpendRow>();
  for (const row of rows.filter(({ model = '' }) => !own.has(model))) {
    const place = `${row.day} ${row.currency}`;
    const sum = others.get(place);
    others.set(place, sum === undefined ? { ...row, model: otherModels } : plus(sum, row));
  }
  return [...rows.filter(({ model = '' }) => own.has(model)), ...others.values()];
}

function plus(sum: SpendRow, row: SpendRow): SpendRow {
  const added = (one = 0, other = 0) => one + other;
  return {
    ...sum,
    ...{ runs: sum.runs + row.runs, charged: sum.charged + row.charged },
    assumed: added(sum.assumed, row.assumed),
    unknown_cost_runs: added(sum.unknown_cost_runs, row.unknown_cost_runs),
  };
}

function toSpent({ by, currency, runs, chargedMicros, assumedMicros, unknownRuns }: SpentRow): SpendRow {
  return {
    ...by,
    ...{ currency, runs, charged: fromMicros(chargedMicros) },
    ...(assumedMicros > 0 ? { assumed: fromMicros(assumedMicros) } : {}),
    ...(unknownRuns > 0 ? { unknown_cost_runs: unknownRuns } : {}),
  };
}

export function handleReadOperation(deps: Deps): Handler<typeof readOperation> {
  const parts = {
    platforms: readPlatforms,
    limits: readLimits,
    spend: readTenants,
    webhooks: readWebhooks,
  };
  return async (asked, { principal }) => {
    refuseOthers(principal);
    return parts[asked.part](deps, asked);
  };
}

type Asked = z.infer<typeof readOperation.input>;

async function readPlatforms({ database, now, providers }: Deps): Promise<Part> {
  const at = now();
  const [counts, pauses, late] = await Promise.all([
    countOpenRuns(database.queries),
    listPauses(database.queries),
    listLateRuns(database.queries, { dueBefore: at - lateMs, now: at }),
  ]);
  const known = [...providers.keys(), ...[...counts, ...pauses, ...late].map(({ provider }) => provider)];
  return {
    platforms: [...new Set(known)].sort().map((provider) => {
      const pause = pauses.find((one) => one.provider === provider);
      const behind = late.find((one) => one.provider === provider);
      return {
        provider,
        open: phasesOf(counts.filter((count) => count.provider === provider)),
        late_runs: behind?.count ?? 0,
        late_seconds: behind === undefined ? 0 : (at - behind.dueAt) / 1_000,
        ...(pause && { pause: { mode: pause.mode, reason: pause.reason, at: toRfc3339(pause.at) } }),
      };
    }),
  };
}

/** How many runs are in which phase, whatever they are priced in. */
function phasesOf(counts: readonly { phase: string; count: number }[]): Record<string, number> {
  const open: Record<string, number> = {};
  for (const { phase, count } of counts) open[phase] = (open[phase] ?? 0) + count;
  return open;
}

/** What operators set, and what is used of it, by what all replicas share. */
async function readLimits({ database, now }: Deps, { limit }: Asked): Promise<Part> {
  const { queries } = database;
  const limits = await listRunLimits(queries);
  const uses = await readLimitUses(queries, { limits, now: now(), limit });
  const fullest = uses.sort((one, other) => shareOf(other) - shareOf(one) || other.unended - one.unended);
  return {
    limits: limits.slice(0, limit).map(toRule),
    limit_uses: fullest.slice(0, limit).map(({ underWay, sent, waiting, unended, full, ...rule }) => ({
      ...{ ...toRule(rule), under_way: underWay, sent, waiting, unended },
      ...(full && { full: full.what }),
      ...(full?.freeAt !== undefined && { free_at: toRfc3339(full.freeAt) }),
    })),
    ...(Math.max(limits.length, uses.length) > limit ? { is_cut: true } : {}),
  };
}

function toRule({ scope, value, atOnce, rate, open }: RunLimit) {
  return {
    ...{ scope, value },
    ...(atOnce !== undefined && { at_once: atOnce }),
    ...(rate && { rate: { count: rate.count, window_ms: rate.windowMs } }),
    ...(open !== undefined && { open }),
  };
}

/** Of the rule that is nearest to its end. */
function shareOf({ atOnce, rate, open, underWay, sent, unended }: LimitUse): number {
  const of = (used: number, most: number | undefined) => (most === undefined ? 0 : used / most);
  return Math.max(of(underWay, atOnce), of(sent, rate?.count), of(unended, open));
}

/** Who was charged most. */
async function readTenants({ database, now }: Deps, { since, limit }: Asked): Promise<Part> {
  const from = since === undefined ? now() - monthMs : Date.parse(since);
  const rows = await readSpentBy(database, { by: ['subject'], since: from, until: now() + 1 });
  const spend = rows
    .sort((one, other) => other.chargedMicros - one.chargedMicros || other.runs - one.runs)
    .slice(0, limit)
    .map((row) => ({ ...toSpent(row), subject: row.by.subject ?? '' }));
  return { spend, ...(rows.length > limit ? { is_cut: true } : {}) };
}

async function readWebhooks({ database }: Deps, { is_failed: isFailed, limit }: Asked): Promise<Part> {
  const state = isFailed === true ? 'given_up' : undefined;
  const rows = await listDeliveries(database.queries, { state, limit: limit + 1 });
  const webhooks = rows.slice(0, limit).map((row) => ({ ...toDelivery(row), url: originOf(row.url) }));
  return { webhooks, ...(rows.length > limit ? { is_cut: true } : {}) };
}

/** Addresses of webhooks carry secrets of their owners: operators see where they lead and no more. */
function originOf(url: string): string {
  const parsed = URL.parse(url);
  return parsed === null ? '' : `${parsed.origin}${parsed.pathname === '/' ? '' : '/…'}`;
}

export function handleOperate({ database, now }: Deps): Handler<typeof operate> {
  return async ({ action, object, reason = '' }, { principal }) => {
    refuseOthers(principal);
    const at = now();
    const { queries } = database;
    const actor = `operator ${principal.subject}`;
    if (action === 'replay') return replay(database, { id: object, now: at, actor });
    const pause = action === 'resume' ? undefined : { mode: action, reason, at };
    await setPause(queries, { provider: object, pause });
    await addAudit(queries, { at, actor, object, action: `admin.provider.${action}`, details: { reason } });
    return {};
  };
}

/** The trail tells of it by itself. */
async function replay(
  database: Deps['database'],
  delivery: Parameters<typeof replayDelivery>[1],
): Promise<Record<string, never>> {
  const outcome = await replayDelivery(database, delivery);
  if (outcome === 'busy')
    throw new AppError('busy', 'This webhook is just being sent.', { retryAfterSeconds: 15 });
  if (outcome === 'replayed') return {};
  throw new AppError('webhook_not_found', 'There is no such webhook, or what it told was deleted.');
}

function refuseOthers({ scopes }: Principal): void {
  if (!scopes.includes(operatorScope)) throw new AppError('forbidden', 'This is for operators.');
}
