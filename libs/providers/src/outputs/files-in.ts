import { isDataUri, isObject, readDataUri, writeJson } from '@inferry/contracts';
import type { ProviderOutput } from '../provider.ts';
import { type FileType, typeOfBytes, typeOfName } from '../schema/file-types.ts';
import { isMedium, mediumOf, mediumOfType } from '../schema/index.ts';

const maxFiles = 64;
const maxDepth = 6;
/** Links and contents that are looked at: an answer of hundreds of thousands would hold up everybody else for seconds. */
const maxLooks = 10_000;
/** Names under which platforms put what is no result. */
const noResults = new Set(['input', 'usage', 'metrics', 'cost', 'errors', 'error', 'seed', 'metadata']);
/** Names that say that something is an address, and nothing of what is there. */
const addressNames = /^(url|uri|href|link|data|download_?url|file_?url)$/i;

interface Walk {
  found: ProviderOutput[];
  /** How many more there are than are kept, and what has been looked at. */
  rest: { count: number; looks: number };
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
  return collectAll(output, expiresAt).found;
}

function collectAll(output: unknown, expiresAt: string | undefined): Pick<Walk, 'found' | 'rest'> {
  const walk = { found: [], rest: { count: 0, looks: 0 }, name: '', depth: 0, expiresAt };
  collect(output, walk);
  return walk;
}

/** The files; where there are none, the answer in words; where there is none either, the whole as JSON. */
export function outputsOf(
  output: unknown,
  options: { expiresAt?: string | undefined } = {},
): ProviderOutput[] {
  return outputsWith(output, options).outputs;
}

/** The same, with how many files there are beyond those that are kept; at least so many when not all were looked at. */
export function outputsWith(
  output: unknown,
  { expiresAt }: { expiresAt?: string | undefined } = {},
): { outputs: ProviderOutput[]; left: number; isAtLeast: boolean } {
  const { found, rest } = collectAll(output, expiresAt);
  if (found.length > 0) return { outputs: found, left: rest.count, isAtLeast: rest.looks > maxLooks };
  return { outputs: wordsOf(output), left: 0, isAtLeast: false };
}

/** An answer without files, as text or as JSON. */
function wordsOf(output: unknown): ProviderOutput[] {
  const answer = answerIn(output);
  if (answer !== undefined) return [textOf(answer)];
  if (isEmpty(output)) return [];
  return [{ kind: 'json', contentType: 'application/json', text: writeJson(output) }];
}

function textOf(text: string): ProviderOutput {
  return { kind: 'text', contentType: 'text/plain', text };
}

/** Nothing, however deep it is wrapped. */
function isEmpty(output: unknown, depth = 0): boolean {
  if (output === undefined || output === null || output === '') return true;
  if (typeof output !== 'object' || depth > maxDepth) return false;
  return Object.values(output).every((inner) => isEmpty(inner, depth + 1));
}

/**
 * Text, pieces of one, or an object that has nothing else to say. `text: ''` is an answer as well: a recording in which
 * nobody speaks.
 */
function answerIn(output: unknown): string | undefined {
  if (typeof output === 'string') return output === '' ? undefined : output;
  if (Array.isArray(output) && output.length > 0 && output.every((part) => typeof part === 'string')) {
    return output.join('');
  }
  if (!isObject(output)) return undefined;
  const { text, output: inner, response, generated_text: generated } = output;
  const told = [text, inner, response, generated].filter((part) => typeof part === 'string');
  return told.find((part) => part !== '') ?? (text === '' || generated === '' ? '' : undefined);
}

function collect(value: unknown, walk: Walk): void {
  if (walk.depth > maxDepth || isDone(walk)) return;
  if (typeof value === 'string') {
    const file = toFile(value, walk);
    if (file !== undefined) keep(file, walk);
  } else if (Array.isArray(value)) {
    const inner = { ...walk, depth: walk.depth + 1 };
    for (const item of value) collect(item, inner);
  } else if (isObject(value) && !collectNamed(value, walk) && !collectTyped(value, walk)) {
    collectFields(value, walk);
  }
}

/** There are more than are kept, and more than are counted. */
function isDone({ found, rest }: Walk): boolean {
  return rest.looks > maxLooks && found.length >= maxFiles;
}

/** What is beyond the bound is counted, so that nobody takes a part for the whole. */
function keep(file: ProviderOutput, { found, rest }: Walk): void {
  if (found.length < maxFiles) found.push(file);
  else rest.count += 1;
}

function collectFields(value: Readonly<Record<string, unknown>>, walk: Walk): void {
  for (const [name, inner] of Object.entries(value)) {
    if (isDone(walk)) return;
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
  keep({ ...file, ...(fileName !== undefined && { fileName }) }, walk);
  return true;
}

/** `{url, content_type}` or `{url, type: 'image'}`, and what else is told of the file. */
function collectTyped(value: Readonly<Record<string, unknown>>, walk: Walk): boolean {
  const { url, content_type: contentType, mime_type: mimeType, type, file_name: fileName } = value;
  const mime = [contentType, mimeType, type].find((said) => typeof said === 'string' && said.includes('/'));
  if (typeof url !== 'string' || !/^https?:\/\/\S+$/.test(url)) return false;
  if (mime === undefined && !isMedium(type)) return false;
  if (!mayLook(walk)) return true;
  if (!URL.canParse(url)) return false;
  const named = {
    url,
    ...(walk.expiresAt !== undefined && { expiresAt: walk.expiresAt }),
    ...(typeof fileName === 'string' && fileName !== '' && { fileName: fileName.slice(0, 200) }),
  };
  if (typeof mime === 'string' && /^[\w.+-]+\/[\w.+-]+/.test(mime)) {
    keep({ kind: mediumOfType(mime), contentType: mime, ...named }, walk);
    return true;
  }
  if (!isMedium(type)) return false;
  const known = typeOfName(new URL(url).pathname);
  keep({ kind: type, contentType: known?.contentType ?? guessType(type), ...named }, walk);
  return true;
}

function toFile(text: string, walk: Walk): ProviderOutput | undefined {
  if (/^https?:\/\/\S+$/.test(text)) return mayLook(walk) ? toLink(text, walk) : undefined;
  if (isDataUri(text)) return mayLook(walk) ? fromDataUri(text) : undefined;
  if (text.length < 64) return undefined;
  const isMedia = /base64|data/i.test(walk.name) || mediumOf(walk.name) !== undefined;
  if (!isMedia || !mayLook(walk)) return undefined;
  return /^[A-Za-z0-9+/\s]+={0,2}$/.test(text) ? toBytes(text) : undefined;
}

function mayLook({ rest }: Walk): boolean {
  rest.looks += 1;
  return rest.looks <= maxLooks;
}

function toLink(url: string, { name, expiresAt }: Walk): ProviderOutput | undefined {
  if (!URL.canParse(url)) return undefined;
  const type = typeOfName(new URL(url).pathname) ?? typeOfName(name);
  const medium = mediumOf(name);
  // The address of a site and of no file: words of a model.
  const isSite = /^\/?$/.test(new URL(url).pathname) && new URL(url).search === '';
  if (isSite && type === undefined) return undefined;
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
  return fileOfBytes(Buffer.from(base64, 'base64'), contentType);
}

/** A file by its bytes, else by what is said of it. */
export function fileOfBytes(bytes: Buffer, contentType: string | undefined): ProviderOutput | undefined {
  const type: FileType | undefined = typeOfBytes(bytes);
  if (type !== undefined) return { ...type, bytes };
  return contentType === undefined ? undefined : { kind: mediumOfType(contentType), contentType, bytes };
}

/** The content of a `data:` URI. */
export function fromDataUri(text: string): ProviderOutput | undefined {
  const read = readDataUri(text);
  return read === undefined ? undefined : fileOfBytes(read.bytes, read.contentType ?? 'text/plain');
}
