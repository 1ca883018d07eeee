/** A subject's runs as somebody looks through them on a page: every page costs about the same, whatever it looks for. */
import { type ExpressionBuilder, sql } from 'kysely';
import type { Queries } from '../database.ts';
import type { RunRow, Schema } from '../schema.ts';

/** Where a page ended. */
export interface RunPlace {
  createdAt: number;
  runId: string;
}

export interface BrowseFilter {
  subject: string;
  statuses?: readonly string[] | undefined;
  /** A model, or a wrapper that made the input of one. */
  model?: string | undefined;
  text?: string | undefined;
  before?: RunPlace | undefined;
  limit: number;
  /** How many runs one page looks at, at most, where it has a filter. */
  searched: number;
}

export interface BrowsedRows {
  rows: RunRow[];
  /** The last run that was looked at, where there are older ones that were not. */
  lookedUntil: RunPlace | undefined;
}

type Runs = ExpressionBuilder<Schema, 'runs'>;

/** Runs older than a place; the first of the conditions is for the index. */
export function isBefore(eb: Runs, { createdAt, runId }: RunPlace) {
  const isOlder = eb.or([eb('created_at', '<', createdAt), eb('run_id', '<', runId)]);
  return eb.and([eb('created_at', '<=', createdAt), isOlder]);
}

/** A page of a subject's runs, newest first, with one more than its limit where there are more. */
export async function browseRunRows(queries: Queries, filter: BrowseFilter): Promise<BrowsedRows> {
  const lookedUntil = isFiltered(filter) ? await endOfWindow(queries, filter) : undefined;
  const rows = await queries
    .selectFrom('runs')
    .selectAll()
    .where((eb) => eb.and([...windowOf(eb, filter, lookedUntil), ...matches(eb, filter)]))
    .orderBy('created_at', 'desc')
    .orderBy('run_id', 'desc')
    .limit(filter.limit + 1)
    .execute();
  return { rows, lookedUntil };
}

function isFiltered({ statuses, model, text }: BrowseFilter): boolean {
  return statuses !== undefined || model !== undefined || text !== undefined;
}

/** Read from an index alone. Undefined: there are no more runs than one page looks at. */
async function endOfWindow(queries: Queries, filter: BrowseFilter): Promise<RunPlace | undefined> {
  const last = await queries
    .selectFrom('runs')
    .select(['created_at', 'run_id'])
    .where((eb) => eb.and(windowOf(eb, filter, undefined)))
    .orderBy('created_at', 'desc')
    .orderBy('run_id', 'desc')
    .offset(filter.searched - 1)
    .limit(2)
    .execute();
  const [end, next] = last;
  if (end === undefined || next === undefined) return undefined;
  return { createdAt: Number(end.created_at), runId: end.run_id };
}

function windowOf(eb: Runs, { subject, before }: BrowseFilter, until: RunPlace | undefined) {
  const conditions = [eb('subject', '=', subject)];
  if (before !== undefined) conditions.push(isBefore(eb, before));
  if (until !== undefined) {
    const isNewer = eb.or([eb('created_at', '>', until.createdAt), eb('run_id', '>=', until.runId)]);
    conditions.push(eb.and([eb('created_at', '>=', until.createdAt), isNewer]));
  }
  return conditions;
}

function matches(eb: Runs, { statuses, model, text }: BrowseFilter) {
  const conditions = [];
  if (statuses !== undefined) conditions.push(eb('status', 'in', [...statuses]));
  if (model !== undefined) conditions.push(eb.or([eb('model', '=', model), eb('wrapper', '=', model)]));
  if (text !== undefined) {
    const has = (column: string, sought: string) =>
      sql<boolean>`lower(${sql.ref(column)}) like ${likeness(sought)} escape '!'`;
    // An input is JSON, in which some signs are written otherwise.
    const asJson = JSON.stringify(text).slice(1, -1);
    const columns = ['model', 'run_id', 'client_ref', 'wrapper'].map((column) => has(column, text));
    conditions.push(eb.or([...columns, has('input', asJson)]));
  }
  return conditions;
}

function likeness(text: string): string {
  return `%${text.toLowerCase().replace(/[!%_]/g, '!$&')}%`;
}
