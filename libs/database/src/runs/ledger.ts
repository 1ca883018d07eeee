/** The ledger: every reservation, release and charge of a run, each booked once. */
import type { Queries } from '../database.ts';
import type { RunRow } from '../schema.ts';

export interface LedgerEntry {
  kind: 'reserve' | 'release' | 'charge';
  /** Signed: the sum of a run's entries is what it holds or cost. */
  amountMicros: number;
  at: number;
  /** How sure a charge is; default `known`. */
  certainty?: Certainty | undefined;
  /** Of a charge in another currency than the run's. */
  currency?: string | undefined;
}

/**
 * `known`: a figure of the platform, or a price that was fixed. `assumed`: nobody knows whether it was charged, or how
 * much below its most. `unknown`: nobody knows the price, and the amount is what budgets count it as.
 */
export type Certainty = 'known' | 'assumed' | 'unknown';

/** Books one entry. Its id is the run's and its kind, so that no run can be charged twice. */
export async function addLedgerEntry(
  queries: Queries,
  run: Pick<RunRow, 'run_id' | 'subject' | 'provider' | 'model' | 'currency'>,
  { kind, amountMicros, at, certainty = 'known', currency = run.currency }: LedgerEntry,
): Promise<void> {
  const { run_id, subject, provider, model } = run;
  await queries
    .insertInto('ledger')
    .values({
      entry_id: `${run_id}:${kind}`,
      run_id,
      subject,
      provider,
      model,
      kind,
      currency,
      amount_micros: amountMicros,
      at,
      certainty,
    })
    .execute();
}
