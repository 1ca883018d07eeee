import { sql } from 'kysely';
import type { Database } from './database.ts';

/**
 * The database's own time in milliseconds since 1970: the one clock that all replicas share. Leases, deadlines and the times
 * of submits go by it, so that a replica whose clock is hours off neither expires a run nor takes one away too soon.
 */
export async function readDatabaseTime({ dialect, queries }: Database): Promise<number> {
  const time =
    dialect === 'postgres'
      ? sql<{ now: number }>`select (extract(epoch from clock_timestamp()) * 1000)::bigint as now`
      : sql<{ now: number }>`select cast(unixepoch('subsec') * 1000 as integer) as now`;
  const { rows } = await time.execute(queries);
  const now = rows[0]?.now;
  if (now === undefined) throw new Error('the database did not tell its time');
  return now;
}
