import type { SelectQueryBuilder } from 'kysely';
import type { Dialect } from './database.ts';

/**
 * For `$call` in the select that picks rows to lease: on Postgres the rows are locked and those that another worker
 * holds are passed over; on SQLite the one writer needs neither. Pick in a materialized CTE and update from it:
 * in a plain `in (select … limit n)` Postgres may run the select more than once.
 */
export function skipLocked(
  dialect: Dialect,
): <DB, TB extends keyof DB, O>(query: SelectQueryBuilder<DB, TB, O>) => SelectQueryBuilder<DB, TB, O> {
  return (query) => (dialect === 'postgres' ? query.forUpdate().skipLocked() : query);
}
