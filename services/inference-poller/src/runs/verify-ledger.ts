/** Whether the ledger says of every run what the run itself says: what it holds, and what it was charged. */
import { type BookedRun, type Database, isLedgerGuarded, readBookedRuns } from '@inferry/database';
import { fromMicros, optionsOf } from './run-document.ts';

export interface LedgerReport {
  runs: number;
  /** Whether the database itself refuses changes of what was booked. */
  isGuarded: boolean;
  /** What is booked in all, by currency. */
  totals: { currency: string; charged: number; held: number }[];
  /** What does not agree, the first few; `differences` counts them all. */
  examples: { run_id: string; problem: string }[];
  differences: number;
}

const pageSize = 500;
const mostExamples = 50;

/** Reads every run and every entry once, a page at a time; runs go on meanwhile. */
export async function verifyLedger(database: Database): Promise<LedgerReport> {
  const totals = new Map<string, { charged: number; held: number }>();
  const report = { runs: 0, examples: [] as LedgerReport['examples'], differences: 0 };
  let after = '';
  for (;;) {
    const page = await readBookedRuns(database, { after, limit: pageSize });
    for (const booked of page) {
      report.runs += 1;
      for (const { currency, chargedMicros, heldMicros } of booked.sums) {
        const total = totals.get(currency) ?? { charged: 0, held: 0 };
        totals.set(currency, { charged: total.charged + chargedMicros, held: total.held + heldMicros });
      }
      const problems = problemsOf(booked);
      report.differences += problems.length;
      const room = mostExamples - report.examples.length;
      report.examples.push(...problems.slice(0, room).map((problem) => ({ run_id: booked.runId, problem })));
    }
    const last = page.at(-1);
    if (last === undefined || page.length < pageSize) break;
    after = last.runId;
  }
  return {
    ...report,
    isGuarded: await isLedgerGuarded(database),
    totals: [...totals].map(([currency, { charged, held }]) => ({
      currency,
      charged: fromMicros(charged),
      held: fromMicros(held),
    })),
  };
}

/** What a run should have in the ledger against what it has, in each currency. */
function problemsOf({ row, sums }: BookedRun): string[] {
  const due = dueOf(row);
  const currencies = new Set([...due.keys(), ...sums.map(({ currency }) => currency)]);
  const problems = [...currencies].flatMap((currency) => {
    const { heldMicros = 0, chargedMicros = 0 } = sums.find((sum) => sum.currency === currency) ?? {};
    const wanted = due.get(currency) ?? { held: 0, charged: 0 };
    // A run that is gone has left its charge behind, and nobody can say more of that.
    const isCharged = row === undefined ? chargedMicros >= 0 : chargedMicros === wanted.charged;
    return [
      ...(heldMicros === wanted.held ? [] : [`holds ${heldMicros}, booked as held is ${wanted.held}`]),
      ...(isCharged ? [] : [`was charged ${wanted.charged}, booked is ${chargedMicros}`]),
    ].map((text) => `${text} millionths of ${currency}`);
  });
  const charges = sums.reduce((count, sum) => count + sum.charges, 0);
  return charges > 1 ? [...problems, `was charged ${charges} times`] : problems;
}

/** What the row says, by currency. */
function dueOf(row: BookedRun['row']): Map<string, { held: number; charged: number }> {
  if (row === undefined) return new Map();
  const isOver = row.phase === 'done';
  const held = isOver ? 0 : Number(row.reserved_micros);
  const due = new Map([[row.currency, { held, charged: 0 }]]);
  if (!isOver) return due;
  const { unsettled, chargedElsewhere: other } = optionsOf(row);
  if (row.charged_micros !== null) due.set(row.currency, { held, charged: Number(row.charged_micros) });
  else if (unsettled !== undefined) due.set(row.currency, { held, charged: unsettled.micros });
  else if (other !== undefined) due.set(other.currency, { held: 0, charged: other.micros });
  return due;
}
