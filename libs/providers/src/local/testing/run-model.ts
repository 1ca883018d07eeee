import { randomUUID } from 'node:crypto';
import type { JsonObject } from '@inferry/contracts';
import type { InputFile, JobView, Provider, ProviderOutput, SubmitRequest } from '../../provider.ts';

/** A submit of a model with its files in `data:` URLs, as a service would have checked them. */
export function toRequest(
  nativeId: string,
  input: JsonObject,
  files: Record<string, Uint8Array> = {},
): SubmitRequest {
  const entries = Object.entries(files).map(([field, bytes]): [string, InputFile] => {
    const url = `data:;base64,${Buffer.from(bytes).toString('base64')}`;
    return [field, { url, contentType: 'application/octet-stream', bytes: bytes.byteLength }];
  });
  const urls = Object.fromEntries(entries.map(([field]) => [field, `https://example.com/${field}`]));
  return {
    nativeId,
    input: { ...input, ...urls },
    files: Object.fromEntries(entries),
    runId: randomUUID(),
    options: {},
  };
}

/** Runs a model to its end and returns every view that a watcher sees. */
export async function watchModel(provider: Provider, request: SubmitRequest): Promise<JobView[]> {
  const context = { signal: AbortSignal.timeout(20_000) };
  const { handle } = await provider.submit(request, context);
  const views: JobView[] = [];
  for await (const view of provider.watch?.(handle, context) ?? []) views.push(view);
  return views;
}

/** Runs a model to its end and returns its last view. */
export async function runModel(provider: Provider, request: SubmitRequest): Promise<JobView> {
  const last = (await watchModel(provider, request)).at(-1);
  if (last === undefined) throw new Error('nothing was seen of the job');
  return last;
}

/** The one output of a run that has to succeed. */
export async function outputOf(provider: Provider, request: SubmitRequest): Promise<ProviderOutput> {
  const { outputs, error } = await runModel(provider, request);
  const [output] = outputs ?? [];
  if (output === undefined) throw new Error(`the run failed: ${error?.message}`);
  return output;
}

/** The bytes of the one output of a run that has to succeed. */
export async function bytesOf(provider: Provider, request: SubmitRequest): Promise<Uint8Array> {
  const { bytes } = await outputOf(provider, request);
  if (bytes === undefined) throw new Error('the output has no bytes');
  return bytes;
}

/** The parsed text of the one output of a run that has to succeed. */
export async function jsonOf(provider: Provider, request: SubmitRequest): Promise<unknown> {
  return JSON.parse((await outputOf(provider, request)).text ?? '');
}
