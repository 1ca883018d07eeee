/** A subject's stored files as a library: found by what they are of, tagged, kept, and their links ended. */
import { type ExpressionBuilder, type RawBuilder, sql } from 'kysely';
import type { Database, Queries } from '../database.ts';
import type { AssetRow, Schema } from '../schema.ts';

export interface AssetFilter {
  subject: string;
  now: number;
  /** In lower case; all must be in the prompt or the file's name. */
  words?: readonly string[] | undefined;
  model?: string | undefined;
  /** All of these. */
  tags?: readonly string[] | undefined;
  /** What content types begin with: any of these. */
  types?: readonly string[] | undefined;
  /** And none of these. */
  notTypes?: readonly string[] | undefined;
  isOfRun?: boolean | undefined;
  runId?: string | undefined;
  assetId?: string | undefined;
  since?: number | undefined;
  until?: number | undefined;
  /** Where the page before ended. */
  before?: { createdAt: number; assetId: string } | undefined;
  limit: number;
}

/** A page of what a subject has stored, newest first. */
export async function listAssetRows(queries: Queries, filter: AssetFilter): Promise<AssetRow[]> {
  let query = queries.selectFrom('assets').selectAll().where(isLive(filter)).where(matches(filter));
  const { before } = filter;
  if (before !== undefined) {
    query = query.where((eb) =>
      eb.or([
        eb('created_at', '<', before.createdAt),
        eb.and([eb('created_at', '=', before.createdAt), eb('asset_id', '<', before.assetId)]),
      ]),
    );
  }
  return query.orderBy('created_at', 'desc').orderBy('asset_id', 'desc').limit(filter.limit).execute();
}

function isLive({ subject, now }: Pick<AssetFilter, 'subject' | 'now'>) {
  return (eb: ExpressionBuilder<Schema, 'assets'>) =>
    eb.and([
      eb('subject', '=', subject),
      eb('state', '=', 'stored'),
      eb.or([eb('expires_at', 'is', null), eb('expires_at', '>', now)]),
    ]);
}

function matches(filter: AssetFilter) {
  return (eb: ExpressionBuilder<Schema, 'assets'>) => {
    const { subject, words = [], tags = [], types = [], notTypes = [], isOfRun } = filter;
    const { model, runId, assetId, since, until } = filter;
    const where = (wanted: unknown, condition: RawBuilder<boolean>) =>
      wanted === undefined ? [] : [condition];
    const conditions = [
      ...words.map((word) => contains('search_text', word)),
      ...notTypes.map((type) => sql<boolean>`not ${beginsWith(type)}`),
      ...where(types[0], sql<boolean>`(${sql.join(types.map(beginsWith), sql` or `)})`),
      ...where(isOfRun, isOfRun === true ? sql<boolean>`run_id is not null` : sql<boolean>`run_id is null`),
      ...where(model, sql<boolean>`model = ${model}`),
      ...where(runId, sql<boolean>`run_id = ${runId}`),
      ...where(assetId, sql<boolean>`asset_id = ${assetId}`),
      ...where(since, sql<boolean>`created_at >= ${since}`),
      ...where(until, sql<boolean>`created_at < ${until}`),
    ];
    const tagged = tags.map((tag) =>
      eb.exists(
        eb
          .selectFrom('asset_tags')
          .select('asset_tags.tag')
          .whereRef('asset_tags.asset_id', '=', 'assets.asset_id')
          .where('asset_tags.subject', '=', subject)
          .where('asset_tags.tag', '=', tag),
      ),
    );
    return eb.and([...conditions, ...tagged]);
  };
}

function contains(column: string, text: string) {
  return sql<boolean>`${sql.ref(column)} like ${`%${escaped(text)}%`} escape '\\'`;
}

function beginsWith(type: string) {
  return sql<boolean>`coalesce(content_type, '') like ${`${escaped(type)}%`} escape '\\'`;
}

function escaped(text: string): string {
  return text.replace(/[\\%_]/g, (sign) => `\\${sign}`);
}

/** The tags of assets, sorted. */
export async function readAssetTags(
  queries: Queries,
  assetIds: readonly string[],
): Promise<ReadonlyMap<string, string[]>> {
  const found = new Map<string, string[]>();
  if (assetIds.length === 0) return found;
  const rows = await queries
    .selectFrom('asset_tags')
    .select(['asset_id', 'tag'])
    .where('asset_id', 'in', assetIds)
    .orderBy('tag')
    .execute();
  for (const { asset_id: id, tag } of rows) found.set(id, [...(found.get(id) ?? []), tag]);
  return found;
}

/** So many of one asset: more are refused. */
export const maxTags = 50;

export interface AssetChange {
  subject: string;
  assetIds: readonly string[];
  now: number;
  addTags: readonly string[];
  removeTags: readonly string[];
  /** When each ends; undefined: as it was. */
  expiresAt?: ((row: AssetRow) => number | null) | undefined;
  endsLinks: boolean;
}

/**
 * Changes those of the assets that are this subject's and still there, all or none of them; the ids of those that would have
 * too many tags where that is why none was.
 */
export async function changeAssets(
  database: Database,
  change: AssetChange,
): Promise<{ rows: AssetRow[]; overfull: string[] }> {
  return database.transaction(async (queries) => {
    const rows = await queries
      .selectFrom('assets')
      .selectAll()
      .where(isLive(change))
      .where('asset_id', 'in', change.assetIds)
      .execute();
    const tags = await readAssetTags(
      queries,
      rows.map(({ asset_id: id }) => id),
    );
    const overfull = rows.filter(({ asset_id: id }) => tooMany(tags.get(id) ?? [], change));
    if (overfull.length > 0) return { rows: [], overfull: overfull.map(({ asset_id: id }) => id) };
    const changed: AssetRow[] = [];
    for (const row of rows) changed.push(await changeAsset(queries, row, change));
    return { rows: changed, overfull: [] };
  });
}

function tooMany(tags: readonly string[], { addTags, removeTags }: AssetChange): boolean {
  const kept = [...new Set([...tags, ...addTags])].filter((tag) => !removeTags.includes(tag));
  return addTags.length > 0 && kept.length > maxTags;
}

async function changeAsset(queries: Queries, row: AssetRow, change: AssetChange): Promise<AssetRow> {
  const { subject, addTags, removeTags } = change;
  const { asset_id: assetId } = row;
  await addAssetTags(queries, { assetId, subject, tags: addTags });
  if (removeTags.length > 0) {
    await queries
      .deleteFrom('asset_tags')
      .where('asset_id', '=', assetId)
      .where('tag', 'in', removeTags)
      .execute();
  }
  const expiresAt = change.expiresAt === undefined ? row.expires_at : change.expiresAt(row);
  const serial = row.link_serial + (change.endsLinks ? 1 : 0);
  if (expiresAt === row.expires_at && serial === row.link_serial) return row;
  await queries
    .updateTable('assets')
    .set({ expires_at: expiresAt, link_serial: change.endsLinks ? sql`link_serial + 1` : sql`link_serial` })
    .where('asset_id', '=', assetId)
    .where('state', '=', 'stored')
    .execute();
  return { ...row, expires_at: expiresAt, link_serial: serial };
}

export async function addAssetTags(
  queries: Queries,
  { assetId, subject, tags }: { assetId: string; subject: string; tags: readonly string[] },
): Promise<void> {
  if (tags.length === 0) return;
  await queries
    .insertInto('asset_tags')
    .values([...new Set(tags)].map((tag) => ({ asset_id: assetId, subject, tag })))
    .onConflict((conflict) => conflict.columns(['asset_id', 'tag']).doNothing())
    .execute();
}

/** Marks as deleted, so that nobody reads them and their blobs are removed, those that are this subject's and still there. */
export async function markAssetsDeleted(
  queries: Queries,
  wanted: { subject: string; now: number } & ({ assetIds: readonly string[] } | { runId: string }),
): Promise<AssetRow[]> {
  const query = queries
    .updateTable('assets')
    .set({ state: 'deleted', expires_at: wanted.now, prompt: null, search_text: '' })
    .where('subject', '=', wanted.subject)
    .where('state', 'in', ['stored', 'pending']);
  const marked =
    'runId' in wanted
      ? query.where('run_id', '=', wanted.runId)
      : query.where('asset_id', 'in', wanted.assetIds);
  return marked.returningAll().execute();
}
