/** The sheet and the table of a batch that is over: made when its owner first asks for it, and kept. */
import type { HandlerContext } from '@inferry/bus';
import { makeSheet, maxSheetCells, openAsset, resolveAssets, type StoredAsset } from '@inferry/contracts';
import { type BatchRow, listBatchRuns, type RunRow, setBatchFiles } from '@inferry/database';
import type { InferenceDeps } from '../deps.ts';
import { putOutput } from '../outputs/fetch-output.ts';
import { outputsOf } from '../runs/run-document.ts';
import { type BatchFiles, toTable, variedOf } from './batch-view.ts';

/** What is left of a call for its answer. */
const answerMs = 1_500;
const makeMs = 120_000;

type Deps = Pick<InferenceDeps, 'bus' | 'database' | 'log'>;

const beingMade = new WeakMap<object, Map<string, Promise<BatchFiles>>>();

/** What there is of them within the time of this call; they are made on beyond it, for the next one. */
export async function filesOf(deps: Deps, batch: BatchRow, context: HandlerContext): Promise<BatchFiles> {
  // as: this service wrote it.
  if (batch.files !== null) return refreshed(deps, JSON.parse(batch.files) as BatchFiles, context);
  if (batch.finished_at === null) return {};
  const making = beingMade.get(deps.database) ?? new Map<string, Promise<BatchFiles>>();
  beingMade.set(deps.database, making);
  const known = making.get(batch.batch_id);
  const files = known ?? make(deps, batch, context).finally(() => making.delete(batch.batch_id));
  if (known === undefined) making.set(batch.batch_id, files);
  const { promise: late, resolve } = Promise.withResolvers<BatchFiles>();
  const timer = setTimeout(() => resolve({}), Math.max(0, context.deadlineAt - Date.now() - answerMs));
  return Promise.race([files, late]).finally(() => clearTimeout(timer));
}

/** Links end; assets live on. */
async function refreshed(
  { bus }: Deps,
  files: BatchFiles,
  { principal, signal }: HandlerContext,
): Promise<BatchFiles> {
  const entries = Object.entries(files);
  if (entries.length === 0) return {};
  const refs = entries.map(([, { asset_id: id }]) => id);
  const found = await bus.call(resolveAssets, { refs }, { principal, signal }).catch(() => undefined);
  if (found === undefined) return files;
  const now = entries.flatMap(([name, file], index) => {
    const asset = found.assets[index];
    return asset === null || asset === undefined ? [] : [[name, { ...file, url: asset.url }]];
  });
  return Object.fromEntries(now);
}

async function make(deps: Deps, batch: BatchRow, { principal }: HandlerContext): Promise<BatchFiles> {
  const { batch_id: batchId, total } = batch;
  // The caller may have gone by the time that it is done.
  const options = { principal, signal: AbortSignal.timeout(makeMs), timeoutMs: makeMs };
  try {
    const rows = await listBatchRuns(deps.database.queries, { batchId, after: undefined, limit: total });
    rows.sort((one, other) => (one.batch_index ?? 0) - (other.batch_index ?? 0));
    const table = await storeTable(deps, { batch, rows }, options);
    const cells = cellsOf(rows).slice(0, maxSheetCells);
    const sheet =
      cells.length === 0
        ? undefined
        : (
            await deps.bus.call(
              makeSheet,
              { ref: `${batchId}/sheet`, file_name: `${batchId}.png`, cells },
              options,
            )
          ).asset;
    const files: BatchFiles = {
      ...(sheet === undefined ? {} : { sheet: toFile(sheet) }),
      ...(table === undefined ? {} : { table: toFile(table) }),
    };
    await setBatchFiles(deps.database.queries, batchId, JSON.stringify(files));
    return files;
  } catch (error) {
    deps.log.warn({ batchId, err: error }, 'the files of a batch could not be made');
    return {};
  }
}

function cellsOf(rows: readonly RunRow[]): { number: number; asset_id: string }[] {
  return rows.flatMap((row) => {
    const all = outputsOf(row);
    const stored = 'stored' in all ? all.stored : [];
    const picture = stored.find(({ kind, asset_id: id }) => kind === 'image' && id !== undefined);
    return picture?.asset_id === undefined
      ? []
      : [{ number: row.batch_index ?? 0, asset_id: picture.asset_id }];
  });
}

type CallOptions = Parameters<Deps['bus']['call']>[2] & { signal: AbortSignal };

async function storeTable(
  { bus }: Deps,
  { batch, rows }: { batch: BatchRow; rows: readonly RunRow[] },
  options: CallOptions,
): Promise<StoredAsset | undefined> {
  const contentType = 'text/csv';
  const content = Buffer.from(toTable(rows, variedOf(batch)));
  const opened = await bus.call(
    openAsset,
    { file_name: `${batch.batch_id}.csv`, content_type: contentType, ref: `${batch.batch_id}/table` },
    options,
  );
  const body = { content, bytes: content.byteLength };
  if (opened.put_url !== undefined)
    await putOutput(opened.put_url, { body, contentType, signal: options.signal });
  const { assets } = await bus.call(resolveAssets, { refs: [opened.asset_id] }, options);
  return assets[0] ?? undefined;
}

function toFile({ url, asset_id: id, content_type: type }: StoredAsset): NonNullable<BatchFiles['table']> {
  return { url, asset_id: id, mime_type: type };
}
