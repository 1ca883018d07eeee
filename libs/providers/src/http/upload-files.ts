import { isObject, type JsonObject } from '@inferry/contracts';
import { beforeSubmit } from '../errors/index.ts';
import type { SubmitRequest } from '../provider.ts';
import { type LoadedFile, loadFile } from './input-files.ts';

/**
 * The input with each file of ours replaced by what `upload` made of it: for platforms with a storage of their own
 * (`inputUrls: 'uploaded'`). Links to other places stay as they are. A failure here means that nothing was submitted.
 */
export async function uploadFiles(
  { input, files }: Pick<SubmitRequest, 'input' | 'files'>,
  { signal, maxBytes }: { signal: AbortSignal; maxBytes?: number },
  upload: (file: LoadedFile) => Promise<string>,
): Promise<JsonObject> {
  const entries = Object.entries(files);
  if (entries.length === 0) return input;
  const copy = structuredClone(input);
  const limits = { signal, ...(maxBytes !== undefined && { maxBytes }) };
  await beforeSubmit(() =>
    Promise.all(
      entries.map(async ([key, file], index) => {
        setAt(copy, key.split('/'), await upload(await loadFile({ key, file, index }, limits)));
      }),
    ),
  );
  return copy;
}

function setAt(root: JsonObject, path: readonly string[], value: string): void {
  let node: unknown = root;
  for (const part of path.slice(0, -1)) node = memberOf(node, part);
  const last = path.at(-1) ?? '';
  if (Array.isArray(node)) node[Number(last)] = value;
  else if (isObject(node)) node[last] = value;
}

function memberOf(node: unknown, part: string): unknown {
  if (Array.isArray(node)) return node[Number(part)];
  return isObject(node) && Object.hasOwn(node, part) ? node[part] : undefined;
}
