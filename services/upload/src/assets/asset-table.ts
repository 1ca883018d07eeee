import type { AssetRow, Database } from '@inferry/database';
import { addAssetTags, isUniqueViolation } from '@inferry/database';
import type { Insertable } from 'kysely';
import { newAssetId } from './asset-keys.ts';

/** What is known of an asset before its bytes. */
export interface AssetPromise {
  subject: string;
  ref: string | null;
  fileName: string;
  declaredType: string | null;
  declaredBytes: number | null;
  declaredSha256: string | null;
  partCount: number;
  uploadUntil: number;
  expiresAt: number | null;
  /** The profile that it came by. */
  mount?: string | undefined;
  /** Of an output of a run: what it is found by. */
  about?: AssetOrigin | undefined;
}

interface AssetOrigin {
  run_id: string;
  model: string;
  mount: string;
  prompt?: string | undefined;
  tags?: string[] | undefined;
}

/** What is known once they are stored. */
export interface StoredFacts {
  blobKey: string;
  sizeBytes: number;
  sha256: string;
  contentType: string;
  fileName: string;
}

export interface DescribedFacts {
  fileName: string;
  contentType: string;
  expiresAt: number | null;
}

/** The table `assets`. Everything that answers a caller asks by subject: other people's ids look unknown. */
export interface AssetTable {
  /** Inserts a pending asset; the one that is there already when its `ref` is known. */
  open(promise: AssetPromise): Promise<AssetRow>;
  /** Of any subject: only for what carries a capability of ours. */
  find(assetId: string): Promise<AssetRow | undefined>;
  findOwn(subject: string, assetId: string): Promise<AssetRow | undefined>;
  /** A stored asset with this content that never expires. */
  findContent(subject: string, sha256: string): Promise<AssetRow | undefined>;
  /** True for exactly one caller: this is what makes an upload URL work once. */
  markStored(assetId: string, facts: StoredFacts): Promise<boolean>;
  /** Says what a stored file is called, holds and when it ends. */
  describe(assetId: string, facts: DescribedFacts): Promise<void>;
  extend(assetId: string, uploadUntil: number): Promise<void>;
  /** Marks assets that ended as `deleted`, so that nobody reads them, and returns some that are. */
  takeEnded(sweep: { now: number; pendingBefore: number; limit: number }): Promise<AssetRow[]>;
  remove(assetId: string): Promise<void>;
}

export function createAssetTable({ queries }: Database, now: () => number): AssetTable {
  const all = () => queries.selectFrom('assets').selectAll();
  const ofSubject = (subject: string) => all().where('subject', '=', subject);

  return {
    async open(promise) {
      const row = toRow(promise, now());
      try {
        await queries.insertInto('assets').values(row).execute();
        const { subject, about } = promise;
        await addAssetTags(queries, { assetId: row.asset_id, subject, tags: about?.tags ?? [] });
        return row;
      } catch (error) {
        if (promise.ref === null || !isUniqueViolation(error)) throw error;
        const known = await ofSubject(promise.subject).where('ref', '=', promise.ref).executeTakeFirst();
        if (known === undefined) throw error;
        return known;
      }
    },
    find: (assetId) => all().where('asset_id', '=', assetId).executeTakeFirst(),
    findOwn: (subject, assetId) => ofSubject(subject).where('asset_id', '=', assetId).executeTakeFirst(),
    findContent: (subject, sha256) =>
      ofSubject(subject)
        .where('sha256', '=', sha256)
        .where('state', '=', 'stored')
        .where('expires_at', 'is', null)
        .limit(1)
        .executeTakeFirst(),
    async markStored(assetId, { blobKey, sizeBytes, sha256, contentType, fileName }) {
      const { numUpdatedRows } = await queries
        .updateTable('assets')
        .set({
          state: 'stored',
          blob_key: blobKey,
          size_bytes: sizeBytes,
          sha256,
          content_type: contentType,
          file_name: fileName,
          stored_at: now(),
        })
        .where('asset_id', '=', assetId)
        .where('state', '=', 'pending')
        .executeTakeFirst();
      return numUpdatedRows === 1n;
    },
    async describe(assetId, { fileName, contentType, expiresAt }) {
      await queries
        .updateTable('assets')
        .set({
          ...{ file_name: fileName, content_type: contentType, expires_at: expiresAt },
          search_text: searchTextOf(fileName),
        })
        .where('asset_id', '=', assetId)
        .where('state', '=', 'stored')
        .execute();
    },
    async extend(assetId, uploadUntil) {
      await queries
        .updateTable('assets')
        .set({ upload_until: uploadUntil })
        .where('asset_id', '=', assetId)
        .where('state', '=', 'pending')
        .execute();
    },
    takeEnded: (sweep) => takeEnded(queries, sweep),
    async remove(assetId) {
      await queries.deleteFrom('assets').where('asset_id', '=', assetId).execute();
    },
  };
}

async function takeEnded(
  queries: Database['queries'],
  { pendingBefore, now, limit }: { pendingBefore: number; now: number; limit: number },
): Promise<AssetRow[]> {
  const ended = await queries
    .selectFrom('assets')
    .selectAll()
    .where((where) =>
      where.or([
        where('expires_at', '<=', now),
        where.and([where('state', '=', 'pending'), where('upload_until', '<=', pendingBefore)]),
      ]),
    )
    .limit(limit)
    .execute();
  if (ended.length === 0) return [];
  const ids = ended.map(({ asset_id: assetId }) => assetId);
  // Asked again while writing: a pending asset may have been stored or given more time in between.
  await queries
    .updateTable('assets')
    .set({ state: 'deleted', expires_at: now })
    .where('asset_id', 'in', ids)
    .where((where) =>
      where.or([
        where('expires_at', '<=', now),
        where.and([where('state', '=', 'pending'), where('upload_until', '<=', pendingBefore)]),
      ]),
    )
    .execute();
  return queries
    .selectFrom('assets')
    .selectAll()
    .where('asset_id', 'in', ids)
    .where('state', '=', 'deleted')
    .execute();
}

const maxPromptChars = 1_000;

/** What a search looks into. */
function searchTextOf(fileName: string, prompt = ''): string {
  return `${fileName}\n${prompt}`.toLowerCase();
}

function toRow(promise: AssetPromise, now: number): AssetRow & Insertable<AssetRow> {
  const { about } = promise;
  return {
    asset_id: newAssetId(),
    subject: promise.subject,
    ref: promise.ref,
    state: 'pending',
    file_name: promise.fileName,
    declared_type: promise.declaredType,
    declared_bytes: promise.declaredBytes,
    declared_sha256: promise.declaredSha256,
    content_type: null,
    size_bytes: null,
    sha256: null,
    blob_key: null,
    part_count: promise.partCount,
    created_at: now,
    stored_at: null,
    upload_until: promise.uploadUntil,
    expires_at: promise.expiresAt,
    run_id: about?.run_id ?? null,
    model: about?.model ?? null,
    mount: about?.mount ?? promise.mount ?? '',
    prompt: about?.prompt?.slice(0, maxPromptChars) ?? null,
    search_text: searchTextOf(promise.fileName, about?.prompt),
    link_serial: 0,
  };
}
