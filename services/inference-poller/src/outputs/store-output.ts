import {
  AppError,
  isPrivateHost,
  openAsset,
  type RunOutput,
  readDataUri,
  resolveAssets,
  type StoredAsset,
} from '@inferry/contracts';
import type { RunRow } from '@inferry/database';
import type { Provider } from '@inferry/providers';
import type { z } from 'zod';
import type { InferenceDeps } from '../deps.ts';
import { ownerOf } from '../poller/held-run.ts';
import { inputOf, optionsOf, type PendingOutput, promptOf, tagsOf } from '../runs/run-document.ts';
import { fetchOutput, isTrusted, type OutputBody, problemOf, putOutput } from './fetch-output.ts';

type Output = z.infer<typeof RunOutput>;

/** Texts up to this size stay in the row; longer ones become files, and the row keeps their beginning. */
export const maxInlineText = 65_536;

export interface StoreRequest {
  row: RunRow;
  index: number;
  output: PendingOutput;
  /** Content that only memory holds. */
  content: { bytes?: Uint8Array | undefined; text?: string | undefined };
  provider: Provider;
  signal: AbortSignal;
}

/** One output as the run keeps it: a stored file, a short text, or the platform's own link where nothing is copied. */
export async function storeOutput(deps: InferenceDeps, request: StoreRequest): Promise<Output> {
  const { output, index, content } = request;
  const base = { index, kind: output.kind, mime_type: output.contentType };
  const text = output.text ?? content.text;
  if (text !== undefined) {
    const bytes = Buffer.byteLength(text);
    if (text.length <= maxInlineText) return { ...base, bytes, text };
    const asset = await storeBody(deps, request, async () => toBody(Buffer.from(text)));
    return { ...toOutput(base, asset), text: text.slice(0, maxInlineText), truncated: true };
  }
  const inline = output.url === undefined ? undefined : readDataUri(output.url);
  const bytes = content.bytes ?? inline?.bytes;
  if (bytes !== undefined) {
    const problem = problemOf(bytes, output);
    if (problem !== undefined) throw new AppError('upstream_malformed', problem.replace(' at its link', ''));
    return toOutput(base, await storeBody(deps, request, async () => toBody(bytes)));
  }
  const { url } = output;
  if (url === undefined) throw new AppError('upstream_malformed', 'An output has no content.');
  if (!(await deps.outputs.isRehosted(request.row))) return linkOutput(deps, request);
  const asset = await storeBody(deps, request, () =>
    fetchOutput(deps, { ...request, url, kind: output.kind }),
  );
  return toOutput(base, asset);
}

/** The platform's own link, for as long as the platform keeps it; a client is sent to no address of ours. */
export function linkOutput(
  deps: Pick<InferenceDeps, 'outputs'>,
  { index, output, provider }: Pick<StoreRequest, 'index' | 'output' | 'provider'>,
): Output {
  const isPassedOn =
    output.url !== undefined &&
    (isTrusted(deps, provider) || isPublicLink(output.url)) &&
    isWebLink(output.url);
  return {
    index,
    kind: output.kind,
    mime_type: output.contentType,
    ...(isPassedOn ? { url: output.url } : {}),
    ...(output.expiresAt === undefined ? {} : { expires_at: output.expiresAt }),
  };
}

function isWebLink(url: string): boolean {
  return /^https?:/i.test(url) && URL.canParse(url);
}

function isPublicLink(url: string): boolean {
  if (!isWebLink(url)) return false;
  const { hostname, username, password } = new URL(url);
  return !isPrivateHost(hostname) && username === '' && password === '';
}

/** The asset of this output: opened once by its `ref`, so that a repetition after a crash stores nothing twice. */
async function storeBody(
  deps: InferenceDeps,
  { row, index, output, signal }: StoreRequest,
  open: () => Promise<OutputBody>,
): Promise<z.infer<typeof StoredAsset>> {
  const options = { principal: ownerOf(row), grant: optionsOf(row).grant, signal };
  const opened = await deps.bus.call(
    openAsset,
    {
      file_name: fileNameOf(row, index, output),
      content_type: output.contentType,
      ref: `${row.run_id}/${index}`,
      about: {
        ...{ run_id: row.run_id, model: row.wrapper ?? row.model, mount: row.mount },
        prompt: promptOf(inputOf(row)),
        tags: tagsOf(row),
      },
    },
    options,
  );
  if (opened.put_url !== undefined) {
    await putOutput(opened.put_url, { body: await open(), contentType: output.contentType, signal });
  }
  const { assets } = await deps.bus.call(resolveAssets, { refs: [opened.asset_id] }, options);
  const [asset] = assets;
  if (asset === null || asset === undefined)
    throw new AppError('asset_not_ready', 'The output is not stored.');
  return asset;
}

function toBody(bytes: Uint8Array): OutputBody {
  return { content: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), bytes: bytes.byteLength };
}

function toOutput(base: Output, asset: z.infer<typeof StoredAsset>): Output {
  return {
    ...base,
    kind: kindOf(base.kind, asset.content_type),
    // What a run tells is read long after it was written.
    url: asset.lasting_url ?? asset.url,
    mime_type: asset.content_type,
    bytes: asset.bytes,
    asset_id: asset.asset_id,
    ...(asset.expires_at === undefined ? {} : { expires_at: asset.expires_at }),
  };
}

/** What its content shows it to be; what was told holds where that says nothing. */
function kindOf(told: string | undefined, contentType: string): string {
  const [type = ''] = contentType.split('/');
  if (type === 'image' || type === 'video' || type === 'audio') return type;
  if (told === undefined) return 'file';
  const isOtherwise = media.has(told) && contentType !== 'application/octet-stream' && type !== 'model';
  return isOtherwise ? 'file' : told;
}

const media = new Set(['image', 'video', 'audio']);

function fileNameOf(row: RunRow, index: number, output: PendingOutput): string {
  const given = output.fileName?.split(/[/\\]/).at(-1)?.slice(0, 200);
  if (given !== undefined && given !== '') return given;
  const extension = /^[a-z]+\/([a-z0-9]{2,5})(\+xml)?(;|$)/.exec(output.contentType)?.[1] ?? 'bin';
  return `${row.run_id}-${index}.${extension}`;
}
