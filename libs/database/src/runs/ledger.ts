import type { Queries } from '../database.ts';
import type { RunRow } from '../schema.ts';

export interface LedgerEntry {
  kind: 'reserve' | 'release' | 'charge';
  /** Signed: the sum of a run's entries is what it holds or cost. */
  amountMicros: number;
  at: number;
}

/** Books one entry. Its id is the run's and its kind, so that no run can be charged twice. */
export async function addLedgerEntry(
  queries: Queries,
  run: Pick<RunRow, 'run_id' | 'subject' | 'provider' | 'model' | 'currency'>,
  { kind, amountMicros, at }: LedgerEntry,
): Promise<void> {
  const { run_id, subject, provider, model, currency } = run;
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
    })
    .execute();
}
