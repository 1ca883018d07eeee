import { isObject } from '@inferry/contracts';
import type { ProviderOutput } from '../provider.ts';
import { typeOfBytes, typeOfName } from '../schema/file-types.ts';
import { mediumOf } from '../schema/index.ts';
import { readAnswer } from './answer-text.ts';

/** Media of public endpoints can be fetched for so long. */
const mediaTtlMs = 7 * 86_400_000;
const maxFiles = 64;
const maxDepth = 5;
/** Names under which workers put what is no result. */
const noResults = new Set(['input', 'usage', 'metrics', 'cost', 'errors', 'error', 'seed', 'metadata']);

interface Walk {
  found: ProviderOutput[];
  /** The name that a value stands under; those of lists are their list's. */
  name: string;
  depth: number;
  expiresAt: string | undefined;
}

/**
 * What a worker made. Its output is whatever its author wanted: links, data URIs and base64 become files; else what
 * reads as an answer becomes text; else the whole is JSON.
 */
export function readOutputs(output: unknown, now: number): { outputs: ProviderOutput[]; isPartial: boolean } {
  const isPublic = isObject(output) && typeof output.cost === 'number';
  const expiresAt = isPublic ? new Date(now + mediaTtlMs).toISOString() : undefined;
  const found: ProviderOutput[] = [];
  collect(output, { found, name: '', depth: 0, expiresAt });
  if (found.length > 0) return { outputs: found, isPartial: hasErrors(output) };
  if (output === undefined || output === null || output === '') return { outputs: [], isPartial: false };
  const answer = readAnswer(output);
  if (answer !== undefined) {
    return { outputs: [{ kind: 'text', contentType: 'text/plain', text: answer }], isPartial: false };
  }
  const json: ProviderOutput = {
    kind: 'json',
    contentType: 'application/json',
    text: JSON.stringify(output),
  };
  return { outputs: [json], isPartial: false };
}

/** Some workers make what they can and tell the rest beside it. */
function hasErrors(output: unknown): boolean {
  return isObject(output) && Array.isArray(output.errors) && output.errors.length > 0;
}

function collect(value: unknown, walk: Walk): void {
  if (walk.depth > maxDepth || walk.found.length >= maxFiles) return;
  if (typeof value === 'string') {
    const file = toFile(value, walk);
    if (file !== undefined) walk.found.push(file);
  } else if (Array.isArray(value)) {
    for (const item of value) collect(item, { ...walk, depth: walk.depth + 1 });
  } else if (isObject(value) && !collectNamed(value, walk)) {
    collectFields(value, walk);
  }
}

function collectFields(value: Readonly<Record<string, unknown>>, walk: Walk): void {
  for (const [name, inner] of Object.entries(value)) {
    if (!noResults.has(name)) collect(inner, { ...walk, name, depth: walk.depth + 1 });
  }
}

/** `{type: 's3_url' | 'base64', data, filename}`, as worker-comfyui writes its files. */
function collectNamed({ type, data, filename }: Readonly<Record<string, unknown>>, walk: Walk): boolean {
  if (typeof data !== 'string' || (type !== 's3_url' && type !== 'base64')) return false;
  const fileName = typeof filename === 'string' ? filename.slice(0, 200) : undefined;
  const file = type === 's3_url' ? toLink(data, { ...walk, name: fileName ?? walk.name }) : toBytes(data);
  if (file === undefined) return false;
  walk.found.push({ ...file, ...(fileName !== undefined && { fileName }) });
  return true;
}

function toFile(text: string, walk: Walk): ProviderOutput | undefined {
  if (/^https?:\/\/\S+$/.test(text)) return toLink(text, walk);
  const [, contentType, base64] = /^data:([\w.+-]+\/[\w.+-]+)[^,]*;base64,(.*)$/s.exec(text) ?? [];
  if (contentType !== undefined && base64 !== undefined) return toBytes(base64, contentType);
  const isMedia = /base64|data/i.test(walk.name) || mediumOf(walk.name) !== undefined;
  return isMedia && text.length >= 64 && /^[A-Za-z0-9+/\s]+={0,2}$/.test(text) ? toBytes(text) : undefined;
}

function toLink(url: string, { name, expiresAt }: Walk): ProviderOutput | undefined {
  if (!URL.canParse(url)) return undefined;
  const type = typeOfName(new URL(url).pathname) ?? typeOfName(name);
  const medium = mediumOf(name);
  const isLink =
    type !== undefined || medium !== undefined || /url|link|output|result|download|^$/i.test(name);
  if (!isLink) return undefined;
  const plain = { ...(expiresAt !== undefined && { expiresAt }), url };
  if (type !== undefined) return { ...type, ...plain };
  return { kind: medium ?? 'file', contentType: guessType(medium), ...plain };
}

function guessType(medium: ReturnType<typeof mediumOf>): string {
  if (medium === 'image') return 'image/png';
  if (medium === 'video') return 'video/mp4';
  return medium === 'audio' ? 'audio/mpeg' : 'application/octet-stream';
}

/** Only what its first bytes show to be a file, unless it came with its type. */
function toBytes(base64: string, contentType?: string): ProviderOutput | undefined {
  const bytes = Buffer.from(base64, 'base64');
  const type = typeOfBytes(bytes);
  if (type !== undefined) return { ...type, bytes };
  return contentType === undefined ? undefined : { kind: 'file', contentType, bytes };
}
