/** Platforms that an operator has paused: nothing is sent to them, or nothing new is taken for them. */
import type { Queries } from '../database.ts';

/** `pause`: runs wait. `drain`: new ones are refused, those that there are go on. */
export type PauseMode = 'pause' | 'drain';

export interface ProviderPause {
  provider: string;
  mode: PauseMode;
  reason: string;
  at: number;
}

export async function listPauses(queries: Queries): Promise<ProviderPause[]> {
  const rows = await queries.selectFrom('provider_pauses').selectAll().orderBy('provider').execute();
  // as: `setPause` is the only writer of this column.
  return rows.map((row) => ({ ...row, mode: row.mode as PauseMode, at: Number(row.at) }));
}

/** Sets it; undefined lets the platform go on. */
export async function setPause(
  queries: Queries,
  { provider, pause }: { provider: string; pause: Omit<ProviderPause, 'provider'> | undefined },
): Promise<void> {
  if (pause === undefined) {
    await queries.deleteFrom('provider_pauses').where('provider', '=', provider).execute();
    return;
  }
  await queries
    .insertInto('provider_pauses')
    .values({ provider, ...pause })
    .onConflict((conflict) => conflict.column('provider').doUpdateSet(pause))
    .execute();
}
