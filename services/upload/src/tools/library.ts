/** The tools of the library: a caller's stored files are found, tagged, kept, and deleted with all that is known of them. */
import type { Handler, HandlerContext } from '@inferry/bus';
import {
  AppError,
  type Asset,
  callOf,
  clip,
  deleteAssets,
  type listAssets,
  mostThatIsShort,
  toAppError,
  updateAssets,
  validationFailed,
} from '@inferry/contracts';
import {
  type AssetFilter,
  type AssetRow,
  changeAssets,
  listAssetRows,
  markAssetsDeleted,
  maxTags,
  readAssetTags,
} from '@inferry/database';
import { createCursors } from '@inferry/runtime';
import { z } from 'zod';
import { isAssetId } from '../assets/asset-keys.ts';
import { findStored } from '../assets/own-assets.ts';
import { removeOtherBlobs } from '../assets/store-asset.ts';
import type { UploadDeps } from '../deps.ts';

const Place = z.object({ createdAt: z.number(), assetId: z.string() });
const cursors = createCursors({ place: Place, of: 'list' });

const defaultLimit = 20;
const listedPrompt = 60;

type Kind = NonNullable<z.infer<typeof listAssets.input>['kind']>;

/** What content types of a kind begin with; a file is what is none of the others. */
const typesOf: Readonly<Record<Exclude<Kind, 'file'>, readonly string[]>> = {
  image: ['image/'],
  video: ['video/'],
  audio: ['audio/'],
  text: ['text/', 'application/json', 'application/x-ndjson', 'application/x-subrip'],
  '3d': ['model/'],
};

/** The caller's files, newest first; without a limit, as many as cost little to read. */
export function handleListAssets(deps: UploadDeps): Handler<typeof listAssets> {
  return async (asked, context) => {
    const { subject } = context.principal;
    if (asked.asset_id !== undefined) {
      const row = await findStored(deps, subject, asked.asset_id);
      return { items: await toAssets(deps, [row], { isWhole: true }) };
    }
    const { cursor, limit, ...wanted } = asked;
    const query = [subject, wanted];
    const size = limit ?? defaultLimit;
    const rows = await listAssetRows(deps.database.queries, {
      ...toFilter(wanted, { subject, now: deps.now() }),
      before: cursor === undefined ? undefined : cursors.read(query, cursor),
      limit: size + 1,
    });
    const all = await toAssets(deps, rows.slice(0, size), { isWhole: false });
    const toReply = (count: number) => {
      const last = rows[count - 1];
      const next =
        rows.length > count && last !== undefined
          ? { next_cursor: cursors.write(query, { createdAt: last.created_at, assetId: last.asset_id }) }
          : {};
      return { items: all.slice(0, count), page: next };
    };
    if (limit !== undefined) return toReply(all.length);
    return toReply(
      mostThatIsShort(Math.min(1, all.length), all.length, (count) => context.isShort(toReply(count))),
    );
  };
}

type Wanted = Omit<z.infer<typeof listAssets.input>, 'cursor' | 'limit'>;

function toFilter(wanted: Wanted, own: Pick<AssetFilter, 'subject' | 'now'>): Omit<AssetFilter, 'limit'> {
  const { query, kind, source, since, until } = wanted;
  return {
    ...own,
    words: query
      ?.toLowerCase()
      .split(/\s+/)
      .filter((word) => word !== ''),
    model: wanted.model,
    tags: wanted.tags,
    types: kind === undefined || kind === 'file' ? [] : typesOf[kind],
    notTypes: kind === 'file' ? Object.values(typesOf).flat() : [],
    isOfRun: source === undefined ? undefined : source === 'run',
    runId: wanted.run_id,
    since: since === undefined ? undefined : Date.parse(since),
    until: until === undefined ? undefined : Date.parse(until),
  };
}

async function toAssets(
  { database, links }: UploadDeps,
  rows: readonly AssetRow[],
  { isWhole }: { isWhole: boolean },
): Promise<Asset[]> {
  const tags = await readAssetTags(
    database.queries,
    rows.map(({ asset_id: id }) => id),
  );
  return rows.map((row) => {
    const listed = toListed(row, { url: links.fileUrl(row, 'public'), tags: tags.get(row.asset_id) });
    if (!isWhole) return listed;
    return {
      ...listed,
      file_name: row.file_name,
      mime_type: row.content_type ?? 'application/octet-stream',
      bytes: row.size_bytes ?? 0,
      ...(row.prompt === null ? {} : { prompt: row.prompt }),
      ...(row.run_id === null ? {} : { run_id: row.run_id }),
      permanent_url: links.permanentUrl(row),
    };
  });
}

/** What tells one from another; an upload has nothing but its name. */
function toListed(row: AssetRow, { url, tags }: { url: string; tags: string[] | undefined }): Asset {
  return {
    ...{ asset_id: row.asset_id, kind: kindOf(row.content_type ?? ''), url },
    ...(row.run_id === null ? { file_name: row.file_name } : {}),
    ...(row.model === null ? {} : { model: row.model }),
    ...(row.prompt === null ? {} : { prompt: clip(row.prompt, listedPrompt) }),
    ...(tags === undefined ? {} : { tags }),
    created_at: new Date(row.created_at).toISOString(),
    ...(row.expires_at === null ? {} : { expires_at: new Date(row.expires_at).toISOString() }),
  };
}

function kindOf(contentType: string): Kind {
  const found = Object.entries(typesOf).find(([, types]) =>
    types.some((type) => contentType.startsWith(type)),
  );
  // as: the names of a record of kinds.
  return (found?.[0] as Kind | undefined) ?? 'file';
}

/** Tags, ends and links of several files, all of them or none. */
export function handleUpdateAssets(deps: UploadDeps): Handler<typeof updateAssets> {
  return async (asked, { principal, mount = '' }) => {
    const { add_tags: addTags = [], remove_tags: removeTags = [], expires_in: expiresIn, keep } = asked;
    if (keep === true && expiresIn !== undefined) {
      throw validationFailed(callOf(updateAssets), [
        { path: 'keep', message: 'contradicts expires_in', hint: 'give one of them' },
      ]);
    }
    const { subject } = principal;
    for (const assetId of asked.asset_ids) await findStored(deps, subject, assetId);
    const now = deps.now();
    const wantsEnd = keep === true || expiresIn !== undefined;
    // Nobody makes a file live longer than it might have from its beginning.
    const latest = wantsEnd ? await deps.policies.endOf({ subject, mount }, { at: 0 }) : null;
    const { rows, overfull } = await changeAssets(deps.database, {
      ...{ subject, now, assetIds: asked.asset_ids, addTags, removeTags },
      expiresAt: wantsEnd
        ? ({ created_at: createdAt }) =>
            earliest(
              expiresIn === undefined ? null : now + expiresIn * 1_000,
              latest === null ? null : createdAt + latest,
            )
        : undefined,
      endsLinks: asked.revoke_links === true,
    });
    if (overfull.length > 0) {
      throw validationFailed(callOf(updateAssets), [
        {
          path: 'add_tags',
          message: `would make more than ${maxTags} tags of ${overfull[0]}`,
          hint: 'remove some',
        },
      ]);
    }
    return { items: await toAssets(deps, rows, { isWhole: false }) };
  };
}

function earliest(one: number | null, other: number | null): number | null {
  if (one === null || other === null) return one ?? other;
  return Math.min(one, other);
}

/**
 * Deletes files with what the rows know of them. What a run keeps is deleted first, by its owner: whatever breaks off is
 * repeated by the same call, or by the sweep.
 */
export function handleDeleteAssets(deps: UploadDeps): Handler<typeof deleteAssets> {
  return async ({ asset_ids: assetIds, run_id: runId }, context) => {
    if ((assetIds === undefined) === (runId === undefined)) {
      throw validationFailed(callOf(deleteAssets), [
        { path: 'asset_ids', message: 'or run_id must be given, and not both', hint: 'give one of them' },
      ]);
    }
    if (runId !== undefined) return deleteOfRun(deps, runId, context);
    return deleteSome(deps, [...new Set(assetIds)], context);
  };
}

type Context = Pick<HandlerContext, 'principal' | 'signal'>;

async function deleteOfRun(deps: UploadDeps, runId: string, { principal, signal }: Context) {
  const { platform } = await deps.forgetPayload({ run_id: runId }, { principal, signal });
  const { subject } = principal;
  const marked = await markAssetsDeleted(deps.database.queries, { subject, now: deps.now(), runId });
  await removeMarked(deps, marked);
  return { deleted: marked.length, platform };
}

async function deleteSome(deps: UploadDeps, assetIds: readonly string[], { principal, signal }: Context) {
  const { subject } = principal;
  const known = new Map<string, AssetRow>();
  for (const assetId of assetIds) {
    const row = isAssetId(assetId) ? await deps.assets.findOwn(subject, assetId) : undefined;
    if (row !== undefined && row.state !== 'deleted') known.set(assetId, row);
  }
  for (const [runId, ids] of byRun([...known.values()])) {
    await deps.forgetPayload({ run_id: runId, asset_ids: ids }, { principal, signal }).catch(unlessUnknown);
  }
  const marked = await markAssetsDeleted(deps.database.queries, {
    ...{ subject, now: deps.now(), assetIds: [...known.keys()] },
  });
  await removeMarked(deps, marked);
  const missing = assetIds.filter((assetId) => !known.has(assetId));
  return { deleted: marked.length, ...(missing.length === 0 ? {} : { not_found: missing }) };
}

function byRun(rows: readonly AssetRow[]): Map<string, string[]> {
  const ids = new Map<string, string[]>();
  for (const { run_id: runId, asset_id: id } of rows) {
    if (runId !== null) ids.set(runId, [...(ids.get(runId) ?? []), id]);
  }
  return ids;
}

/** A run that is not there any more keeps nothing. */
function unlessUnknown(error: unknown): void {
  if (toAppError(error).code !== 'run_not_found') throw error;
}

/** What cannot be removed now, the sweep removes: nobody reads it any more. */
async function removeMarked({ blobs, assets }: UploadDeps, marked: readonly AssetRow[]): Promise<void> {
  for (const { asset_id: assetId } of marked) {
    try {
      await removeOtherBlobs(blobs, assetId);
      await assets.remove(assetId);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
    }
  }
}
