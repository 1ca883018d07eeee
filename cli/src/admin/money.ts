/** `npm run admin -- budgets|ledger|usage`: what may be spent, whether the books agree, and what was spent by anything. */
import {
  everySubject,
  listLimits,
  readLimitState,
  readSpentBy,
  type SpentRow,
  type UsageColumn,
  usageColumns,
} from '@inferry/database';
import { parseInferenceConfig, verifyLedger } from '@inferry/inference-poller';
import { ConfigError } from '@inferry/runtime';
import { linesOf } from '../commands/budgets.ts';
import { type AdminVerbs, idOf, timeOf } from './context.ts';

const micros = 1_000_000;

export const budgetVerbs: AdminVerbs = {
  async list({ database, env, print, values, now }) {
    const rules = { now, rates: parseInferenceConfig(env).money.rates };
    for (const limit of await listLimits(database.queries)) {
      const state = await readLimitState(database.queries, limit, rules);
      if (values.json) print(JSON.stringify(state));
      else for (const line of linesOf(state, limit.value === everySubject ? everySubject : '')) print(line);
    }
    return 0;
  },
};

export const ledgerVerbs: AdminVerbs = {
  /** Every run against every entry: what it holds and what it was charged. */
  async verify({ database, print, values }) {
    const report = await verifyLedger(database);
    const isGood = report.differences === 0 && report.isGuarded;
    if (values.json) {
      print(JSON.stringify({ ok: isGood, ...report }));
      return isGood ? 0 : 1;
    }
    for (const { currency, charged, held } of report.totals) {
      print(`${currency}: ${charged} charged, ${held} held`);
    }
    for (const { run_id: id, problem } of report.examples) print(`${id} ${problem}`);
    if (!report.isGuarded)
      print('The database does not refuse changes of the ledger: its triggers are missing.');
    print(
      report.differences === 0
        ? `${report.runs} runs agree with the ledger.`
        : `${report.differences} differences in ${report.runs} runs.`,
    );
    return isGood ? 0 : 1;
  },

  async show(context) {
    const entries = await context.database.queries
      .selectFrom('ledger')
      .selectAll()
      .where('run_id', '=', idOf(context))
      .orderBy('at')
      .orderBy('entry_id')
      .execute();
    for (const entry of entries) context.print(JSON.stringify(entry));
    return entries.length === 0 ? 1 : 0;
  },
};

export const usageVerbs: AdminVerbs = {
  async export({ database, print, values, now }) {
    const by = values.by.split(',').map((name) => name.trim());
    const wrong = by.filter((name) => !isColumn(name));
    const { format = 'csv' } = values;
    if (wrong.length > 0 || by.length > 8 || (format !== 'csv' && format !== 'json')) {
      throw new ConfigError([`--by: some of ${usageColumns.join(', ')}, tag:NAME; --format: csv or json`]);
    }
    const rows = await readSpentBy(database, {
      by: by.filter(isColumn),
      ...{ since: timeOf(values.since, 0), until: timeOf(values.until, now + 1), subject: values.subject },
    });
    if (format === 'csv')
      print([...by, 'currency', 'runs', 'charged', 'assumed', 'unknown_cost_runs'].join(','));
    for (const row of rows) print(format === 'csv' ? toCsv(row, by) : JSON.stringify(toJson(row)));
    return 0;
  },
};

function isColumn(name: string): name is UsageColumn {
  return usageColumns.some((known) => known === name) || /^tag:.{1,64}$/.test(name);
}

function toJson({ by, currency, runs, chargedMicros, assumedMicros, unknownRuns }: SpentRow) {
  const sums = { charged: chargedMicros / micros, assumed: assumedMicros / micros };
  return { ...by, currency, runs, ...sums, unknown_cost_runs: unknownRuns };
}

function toCsv(row: SpentRow, by: readonly string[]): string {
  const { currency, runs, charged, assumed, unknown_cost_runs: unknown } = toJson(row);
  return [...by.map((name) => toField(row.by[name] ?? '')), currency, runs, charged, assumed, unknown].join(
    ',',
  );
}

/** RFC 4180; a text that a spreadsheet would take for a formula is marked as a text. */
function toField(text: string): string {
  const plain = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
}
