/** `storing`: each output of a paid run becomes a stored file, a short text or the platform's own link, then the run ends. */
import {
  AppError,
  argumentOf,
  hint,
  isPrivateHost,
  openAsset,
  type RunOutput,
  readDataUri,
  resolveAssets,
  runModel,
  type StoredAsset,
} from '@inferry/contracts';
import type { RunRow } from '@inferry/database';
import type { JobView, Provider } from '@inferry/providers';
import type { z } from 'zod';
import type { InferenceDeps } from '../deps.ts';
import { endRun } from '../poller/end-run.ts';
import { askForView } from '../poller/follow-run.ts';
import { type HeldRun, LeaseLost, ownerOf, releaseRun } from '../poller/held-run.ts';
import {
  inputOf,
  optionsOf,
  outputsOf,
  type PendingOutput,
  promptOf,
  type RunOutputs,
  tagsOf,
} from '../runs/run-document.ts';
import { backoffMs } from '../timings.ts';
import { fetchOutput, isTrusted, type OutputBody, problemOf, putOutput } from './fetch-output.ts';

type Output = z.infer<typeof RunOutput>;

/** After so many attempts an output that cannot be copied keeps the platform's own link. */
const maxCopyAttempts = 5;
/** A file that will not become smaller or safer by trying again. */
const hopeless = new Set(['upload_too_large', 'url_rejected', 'upload_mismatch']);

/** `storing`: the outputs of a paid run become assets, then the run ends. Repeatable from any point. */
export async function storeOutputs(deps: InferenceDeps, held: HeldRun, provider: Provider): Promise<void> {
  const all = outputsOf(held.row);
  const pending = 'pending' in all ? all.pending : [];
  const outcome = await attempt(deps, held, { provider, pending });
  if ('outputs' in outcome) return succeed(deps, held, outcome);
  const isOver = deps.now() >= held.row.deadline_at + deps.timings.storeGraceMs;
  if (isOver || outcome.isLost) return fail(deps, held);
  const attempts = held.row.poll_attempts + 1;
  const at = deps.now() + backoffMs(attempts, deps.timings, deps.random);
  await releaseRun(deps, held, { at, patch: { poll_attempts: attempts } });
}

type Outcome = { outputs: Output[]; notes: string[] } | { isLost: boolean };

async function attempt(
  deps: InferenceDeps,
  held: HeldRun,
  { provider, pending }: { provider: Provider; pending: readonly PendingOutput[] },
): Promise<Outcome> {
  const signal = AbortSignal.any([held.lost.signal, AbortSignal.timeout(deps.timings.storeTimeoutMs)]);
  try {
    const view = await viewOf(deps, held, { provider, pending });
    if (view !== undefined && view.status !== 'succeeded') return { isLost: true };
    const outputs: Output[] = [];
    const notes: string[] = [];
    for (const [index, output] of pending.entries()) {
      const content = view?.outputs?.[index] ?? {};
      const request = { row: held.row, index, output, content, provider, signal };
      outputs.push(await storeOrLink(deps, request, notes));
    }
    return { outputs, notes };
  } catch (error) {
    if (held.lost.signal.aborted || error instanceof LeaseLost) throw new LeaseLost();
    deps.log.warn(
      { runId: held.row.run_id, attempts: held.row.poll_attempts, err: error },
      'outputs not stored',
    );
    return { isLost: false };
  }
}

/** The end of the job with what only memory holds: from the poll that saw it, or asked for again after a crash. */
async function viewOf(
  deps: InferenceDeps,
  held: HeldRun,
  { provider, pending }: { provider: Provider; pending: readonly PendingOutput[] },
): Promise<JobView | undefined> {
  if (held.finalView !== undefined) return held.finalView;
  return pending.some(({ isInMemory }) => isInMemory) ? askForView(deps, held, provider) : undefined;
}

async function storeOrLink(
  deps: InferenceDeps,
  request: Parameters<typeof storeOutput>[1],
  notes: string[],
): Promise<Output> {
  try {
    return await storeOutput(deps, request);
  } catch (error) {
    const isHopeless = error instanceof AppError && hopeless.has(error.code);
    const isTired = request.row.poll_attempts >= maxCopyAttempts;
    if (request.output.url === undefined || !(isHopeless || isTired)) throw error;
    deps.log.warn({ runId: request.row.run_id, err: error }, 'output not copied, its link is kept');
    const linked = linkOutput(deps, request);
    notes.push(whyNotStored(request.index, linked, error));
    return linked;
  }
}

function whyNotStored(index: number, { url }: Output, error: unknown): string {
  const why = error instanceof AppError ? error.message : 'It could not be copied.';
  const link =
    url === undefined ? 'Its link is not passed on.' : "The link is the platform's own and may end soon.";
  return `Output ${index} is not stored here. ${why} ${link}`;
}

async function succeed(
  deps: InferenceDeps,
  held: HeldRun,
  { outputs, notes }: { outputs: Output[]; notes: string[] },
): Promise<void> {
  await endRun(deps, held, {
    status: 'succeeded',
    note: `succeeded with ${outputs.length} output(s)`,
    patch: { outputs: JSON.stringify({ stored: outputs, ...notesOf(held, notes) } satisfies RunOutputs) },
    charge: 'quoted',
  });
}

function notesOf({ row }: HeldRun, added: readonly string[]): Pick<RunOutputs, 'notes'> {
  const notes = [...(outputsOf(row).notes ?? []), ...added];
  return notes.length === 0 ? {} : { notes };
}

async function fail(deps: InferenceDeps, held: HeldRun): Promise<void> {
  await endRun(deps, held, {
    status: 'failed',
    note: 'its outputs could not be stored',
    patch: { outputs: JSON.stringify({ stored: [] } satisfies RunOutputs) },
    error: {
      code: 'upstream_failed',
      message: 'The run succeeded at the provider, but its outputs could not be read or stored here.',
      next_action: `Look for them in your account at the provider, or run again${hint` with a new ${argumentOf(runModel, 'client_ref')}`}.`,
    },
    charge: 'quoted',
  });
}

/** Texts up to this size stay in the row; longer ones become files, and the row keeps their beginning. */
const maxInlineText = 65_536;

interface StoreRequest {
  row: RunRow;
  index: number;
  output: PendingOutput;
  /** Content that only memory holds. */
  content: { bytes?: Uint8Array | undefined; text?: string | undefined };
  provider: Provider;
  signal: AbortSignal;
}

/** One output as the run keeps it: a stored file, a short text, or the platform's own link where nothing is copied. */
async function storeOutput(deps: InferenceDeps, request: StoreRequest): Promise<Output> {
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
function linkOutput(
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
