/** What is kept longer than its tenant, its mount or the deployment may: files, and what runs keep of what went in and out. */
import { type RawBuilder, sql } from 'kysely';
import type { Queries } from '../database.ts';
import type { StoragePolicy } from './policies.ts';

const dayMs = 86_400_000;

/** For each policy that bounds how long: which rows it is about, and before when they must have begun. */
function bounds(
  policies: readonly StoragePolicy[],
  now: number,
): { isMeant: RawBuilder<boolean>; before: number }[] {
  const bounded = policies.filter(({ retentionDays }) => retentionDays !== undefined);
  const valuesOf = (scope: StoragePolicy['scope']) =>
    bounded.filter((policy) => policy.scope === scope).map(({ value }) => value);
  const noneOf = (column: string, values: readonly string[]) =>
    values.length === 0 ? sql<boolean>`1 = 1` : sql<boolean>`${sql.ref(column)} not in (${sql.join(values)})`;
  return bounded.map(({ scope, value, retentionDays = 0 }) => {
    const before = now - retentionDays * dayMs;
    if (scope === 'subject') return { before, isMeant: sql<boolean>`subject = ${value}` };
    const ofNoTenant = noneOf('subject', valuesOf('subject'));
    if (scope === 'mount') return { before, isMeant: sql<boolean>`mount = ${value} and ${ofNoTenant}` };
    return { before, isMeant: sql<boolean>`${ofNoTenant} and ${noneOf('mount', valuesOf('mount'))}` };
  });
}

/** Who stores how much, those with most first. */
export async function readStoredBytes(
  queries: Queries,
  limit: number,
): Promise<{ subject: string; bytes: number; files: number }[]> {
  const rows = await queries
    .selectFrom('assets')
    .select(({ fn }) => [
      'subject',
      fn.sum<number | string>('size_bytes').as('bytes'),
      fn.countAll().as('files'),
    ])
    .where('state', '=', 'stored')
    .groupBy('subject')
    .orderBy('bytes', 'desc')
    .orderBy('subject')
    .limit(limit)
    .execute();
  return rows.map(({ subject, bytes, files }) => ({ subject, bytes: Number(bytes), files: Number(files) }));
}

export interface RetentionSweep {
  policies: readonly StoragePolicy[];
  now: number;
  limit: number;
}

/** Lets files end that are older than they may be; how many. They are removed as others that have ended. */
export async function endOverdueAssets(queries: Queries, sweep: RetentionSweep): Promise<number> {
  let ended = 0;
  for (const { isMeant, before } of bounds(sweep.policies, sweep.now)) {
    const rows = await queries
      .updateTable('assets')
      .set({ expires_at: sweep.now })
      .where('asset_id', 'in', (eb) =>
        eb
          .selectFrom('assets')
          .select('asset_id')
          .where('state', '=', 'stored')
          .where('created_at', '<=', before)
          .where((where) => where.or([where('expires_at', 'is', null), where('expires_at', '>', sweep.now)]))
          .where(isMeant)
          .orderBy('created_at')
          .limit(sweep.limit),
      )
      .returning('asset_id')
      .execute();
    ended += rows.length;
  }
  return ended;
}

/** Ended runs that keep what went in and out longer than they may. */
export async function listOverdueRuns(queries: Queries, sweep: RetentionSweep): Promise<string[]> {
  const overdue: string[] = [];
  for (const { isMeant, before } of bounds(sweep.policies, sweep.now)) {
    const rows = await queries
      .selectFrom('runs')
      .select('run_id')
      // Written out, so that the partial index is used.
      .where(sql<boolean>`phase = 'done' and payload_deleted_at is null`)
      .where('finished_at', '<=', before)
      .where(isMeant)
      .orderBy('finished_at')
      .limit(sweep.limit)
      .execute();
    overdue.push(...rows.map(({ run_id: id }) => id));
  }
  return overdue;
}
