import { isObject } from '@inferry/contracts';
import type { ProviderOutput } from '../provider.ts';
import { typeOfBytes, typeOfName } from '../schema/file-types.ts';
import { isMedium, mediumOf, mediumOfType } from '../schema/index.ts';

const maxFiles = 64;
const maxDepth = 6;
/** Names under which platforms put what is no result. */
const noResults = new Set(['input', 'usage', 'metrics', 'cost', 'errors', 'error', 'seed', 'metadata']);
/** Names that say that something is an address, and nothing of what is there. */
const addressNames = /^(url|uri|href|link|data|download_?url|file_?url)$/i;

interface Walk {
  found: ProviderOutput[];
  /** The name that a value stands under; those of lists are their list's. */
  name: string;
  depth: number;
  expiresAt: string | undefined;
}

/**
 * The files in whatever a model answered: links, data URIs and base64, by their names, by what is said beside them and
 * by what they begin with. `expiresAt` is when its links stop working.
 */
export function filesIn(
  output: unknown,
  { expiresAt }: { expiresAt?: string | undefined } = {},
): ProviderOutput[] {
  const found: ProviderOutput[] = [];
  collect(output, { found, name: '', depth: 0, expiresAt });
  return found;
}

/** The files; where there are none, the answer in words; where there is none either, the whole as JSON. */
export function outputsOf(
  output: unknown,
  options: { expiresAt?: string | undefined } = {},
): ProviderOutput[] {
  const files = filesIn(output, options);
  if (files.length > 0) return files;
  if (isEmpty(output)) return [];
  const answer = answerIn(output);
  if (answer !== undefined) return [{ kind: 'text', contentType: 'text/plain', text: answer }];
  return [{ kind: 'json', contentType: 'application/json', text: JSON.stringify(output) }];
}

/** Nothing, however deep it is wrapped. */
function isEmpty(output: unknown, depth = 0): boolean {
  if (output === undefined || output === null || output === '') return true;
  if (typeof output !== 'object' || depth > maxDepth) return false;
  return Object.values(output).every((inner) => isEmpty(inner, depth + 1));
}

/** Text, pieces of one, or an object that has nothing else to say. */
function answerIn(output: unknown): string | undefined {
  if (typeof output === 'string') return output;
  if (Array.isArray(output) && output.length > 0 && output.every((part) => typeof part === 'string')) {
    return output.join('');
  }
  if (!isObject(output)) return undefined;
  const { text, output: inner, response, generated_text: generated } = output;
  return [text, inner, response, generated].find((part) => typeof part === 'string' && part !== '') as
    // as: found by exactly this check.
    string | undefined;
}

function collect(value: unknown, walk: Walk): void {
  if (walk.depth > maxDepth || walk.found.length >= maxFiles) return;
  if (typeof value === 'string') {
    const file = toFile(value, walk);
    if (file !== undefined) walk.found.push(file);
  } else if (Array.isArray(value)) {
    for (const item of value) collect(item, { ...walk, depth: walk.depth + 1 });
  } else if (isObject(value) && !collectNamed(value, walk) && !collectTyped(value, walk)) {
    collectFields(value, walk);
  }
}

function collectFields(value: Readonly<Record<string, unknown>>, walk: Walk): void {
  for (const [name, inner] of Object.entries(value)) {
    if (noResults.has(name)) continue;
    // What stands under `images` says more than `url` does.
    const said = addressNames.test(name) && walk.name !== '' ? walk.name : name;
    collect(inner, { ...walk, name: said, depth: walk.depth + 1 });
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

/** `{url, content_type}` or `{url, type: 'image'}`, and what else is told of the file. */
function collectTyped(value: Readonly<Record<string, unknown>>, walk: Walk): boolean {
  const { url, content_type: contentType, mime_type: mimeType, type, file_name: fileName } = value;
  const mime = [contentType, mimeType, type].find((said) => typeof said === 'string' && said.includes('/'));
  if (typeof url !== 'string' || !/^https?:\/\/\S+$/.test(url) || !URL.canParse(url)) return false;
  const named = {
    url,
    ...(walk.expiresAt !== undefined && { expiresAt: walk.expiresAt }),
    ...(typeof fileName === 'string' && fileName !== '' && { fileName: fileName.slice(0, 200) }),
  };
  if (typeof mime === 'string' && /^[\w.+-]+\/[\w.+-]+/.test(mime)) {
    walk.found.push({ kind: mediumOfType(mime), contentType: mime, ...named });
    return true;
  }
  if (!isMedium(type)) return false;
  const known = typeOfName(new URL(url).pathname);
  walk.found.push({ kind: type, contentType: known?.contentType ?? guessType(type), ...named });
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
