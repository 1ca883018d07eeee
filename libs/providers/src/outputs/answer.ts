/** What is kept of a platform’s answer: the files and texts in it, notes that a caller should know, and the answer itself, shortened. */
import { isDataUri, isObject, type JsonObject, readDataUri, writeJson } from '@inferry/contracts';
import { withoutKeys } from '../errors/clean-text.ts';
import { cleanText } from '../errors/index.ts';
import type { JobView, ProviderOutput } from '../provider.ts';
import { type FileType, typeOfBytes, typeOfName } from '../schema/file-types.ts';
import { isMedium, mediumOf, mediumOfType } from '../schema/index.ts';

interface AnswerFacts {
  upstreamStatus: string;
  /** When its links stop working. */
  expiresAt?: string | undefined;
  /** Fewer outputs than were asked for. */
  isPartial?: boolean | undefined;
}

const flagNames = /^(has_?)?(nsfw|unsafe)(_?(concepts?|contents?|content_?detected|detected))?$|^flagged$/i;
const seedNames = /^(seed|random_?seed|used_?seed)$/i;
const maxNotes = 6;
const maxDepth = 4;

/**
 * What a model answered as the end of its job: files, text or JSON, what else it says of them (a flag of a filter, the
 * seed), and the whole for `include: raw`. An empty text is an answer; nothing at all is none.
 */
export function answered(answer: unknown, facts: AnswerFacts): JobView {
  const { upstreamStatus, expiresAt, isPartial } = facts;
  const { outputs, left, isAtLeast } = outputsWith(answer, { expiresAt });
  const raw = rawOf(answer);
  if (outputs.length === 0) {
    const message = 'The model says that it is done and gave no output.';
    return {
      ...{ status: 'failed', upstreamStatus, error: { code: 'upstream_failed', message } },
      ...(raw !== undefined && { raw }),
    };
  }
  const notes = [
    ...(left > 0
      ? [
          `The model made ${isAtLeast ? 'at least ' : ''}${outputs.length + left} outputs; the first ${outputs.length} are kept, ${left} are missing here.`,
        ]
      : []),
    ...notesOf(answer),
  ];
  return {
    ...{ status: 'succeeded', upstreamStatus, progress: 1, outputs },
    ...(raw !== undefined && { raw }),
    ...(notes.length > 0 && { notes: notes.slice(0, maxNotes) }),
    ...(isPartial === true && { isPartial }),
  };
}

/** What a model says beside its outputs and a reader of them has to know. */
export function notesOf(answer: unknown): string[] {
  const found: Found = { flags: new Set(), seeds: new Set() };
  look(answer, found, 0);
  const seeds = [...found.seeds].slice(0, 4).join(', ');
  return [...found.flags, ...(seeds === '' ? [] : [`Seed: ${seeds}.`])];
}

interface Found {
  flags: Set<string>;
  seeds: Set<string>;
}

function look(value: unknown, found: Found, depth: number): void {
  if (depth > maxDepth || found.flags.size + found.seeds.size > 64) return;
  if (Array.isArray(value)) for (const item of value.slice(0, 64)) look(item, found, depth + 1);
  if (!isObject(value)) return;
  for (const [name, inner] of Object.entries(value).slice(0, 200)) {
    if (name !== 'input' && !note(name, inner, found)) look(inner, found, depth + 1);
  }
}

/** False for a name that says nothing by itself. */
function note(name: string, value: unknown, { flags, seeds }: Found): boolean {
  if (flagNames.test(name)) {
    for (const told of flagNote(name, value)) flags.add(told);
    return true;
  }
  if (!seedNames.test(name) || !isSeed(value)) return false;
  seeds.add(String(value));
  return true;
}

/** `true`, `[false, true]`: of which outputs the platform's filter thinks that they are unsafe. */
function flagNote(name: string, value: unknown): string[] {
  const list = Array.isArray(value) ? value : [value];
  const flagged = list.flatMap((flag, index) => (flag === true ? [index + 1] : []));
  if (flagged.length === 0) return [];
  const which = list.length === 1 ? 'The output was' : `Output ${flagged.slice(0, 16).join(', ')} was`;
  const what = cleanText(name, { maxLength: 60 });
  return [`${which} flagged by the platform as NSFW (${what}); a filter may have blanked it.`];
}

function isSeed(value: unknown): boolean {
  return typeof value === 'number' || (typeof value === 'string' && /^\d{1,40}$/.test(value));
}

const maxRawChars = 24_000;
const maxText = 2_000;
const maxItems = 500;
const maxRawDepth = 12;

/**
 * A platform's answer as `get_run(include: raw)` may show it: content in base64 and long texts cut, keys taken out, links
 * without what signs them, and within a bound.
 */
export function rawOf(
  answer: unknown,
  { maxChars = maxRawChars }: { maxChars?: number } = {},
): JsonObject | undefined {
  if (answer === undefined || answer === null) return undefined;
  const budget = { left: maxChars };
  const short = shorten(answer, budget, 0);
  return isObject(short) ? short : { answer: short };
}

/** The same as a part of a view. */
export function withRaw(answer: unknown): Pick<JobView, 'raw'> {
  const raw = rawOf(answer);
  return raw === undefined ? {} : { raw };
}

function shorten(value: unknown, budget: { left: number }, depth: number): unknown {
  if (budget.left <= 0 || depth > maxRawDepth) return '…';
  if (typeof value === 'string') return spent(shortText(value), budget);
  if (typeof value !== 'object' || value === null) return spent(value, budget);
  return Array.isArray(value) ? shortList(value, budget, depth) : shortObject(value, budget, depth);
}

function shortList(list: readonly unknown[], budget: { left: number }, depth: number): unknown[] {
  const items: unknown[] = [];
  for (const item of list.slice(0, maxItems)) {
    if (budget.left <= 0) break;
    items.push(shorten(item, budget, depth + 1));
  }
  return items.length < list.length ? [...items, `… ${list.length - items.length} more`] : items;
}

function shortObject(value: object, budget: { left: number }, depth: number): JsonObject {
  const fields: [string, unknown][] = [];
  for (const [name, inner] of Object.entries(value).slice(0, maxItems)) {
    if (budget.left <= 0) break;
    budget.left -= name.length;
    fields.push([name.slice(0, 200), shorten(inner, budget, depth + 1)]);
  }
  return Object.fromEntries(fields);
}

function spent<T>(value: T, budget: { left: number }): T {
  budget.left -= String(value).length + 4;
  return value;
}

function shortText(text: string): string {
  if (/^data:[^,]{0,200},/i.test(text) || (text.length > 512 && /^[A-Za-z0-9+/=_-]+$/.test(text))) {
    return `[content of ${text.length} characters]`;
  }
  const clean = withoutKeys(text.slice(0, maxText).toWellFormed().replaceAll('\u0000', ''));
  return text.length > maxText ? `${clean}…` : clean;
}

const maxFiles = 64;
const maxFileDepth = 6;
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
function outputsWith(
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
  if (typeof output !== 'object' || depth > maxFileDepth) return false;
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
  if (walk.depth > maxFileDepth || isDone(walk)) return;
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
