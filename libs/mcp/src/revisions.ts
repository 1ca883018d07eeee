/**
 * What the revisions of the protocol added to each other, so that nobody is sent what is newer than the revision that was
 * negotiated: clients of their time reject a whole result for one type of content that they do not know.
 */
import { isObject, type JsonObject } from '@inferry/contracts';
import type { Exchange } from './exchange.ts';
import { type LegacyVersion, modernVersion } from './versions.ts';

type Additions = Readonly<Record<string, LegacyVersion>>;

/** By the parts of results: the revision that each field, or type of content, came with; what is not here always was. */
const additions = {
  contentTypes: { audio: '2025-03-26', resource_link: '2025-06-18' },
  content: { _meta: '2025-06-18', icons: '2025-11-25' },
  annotations: { lastModified: '2025-06-18' },
  contents: { _meta: '2025-06-18' },
  capabilities: { completions: '2025-03-26', extensions: '2025-11-25', tasks: '2025-11-25' },
  serverInfo: {
    title: '2025-06-18',
    description: '2025-11-25',
    icons: '2025-11-25',
    websiteUrl: '2025-11-25',
  },
  tool: {
    annotations: '2025-03-26',
    title: '2025-06-18',
    outputSchema: '2025-06-18',
    _meta: '2025-06-18',
    icons: '2025-11-25',
    execution: '2025-11-25',
  },
  callResult: { structuredContent: '2025-06-18' },
  prompt: { title: '2025-06-18', _meta: '2025-06-18', icons: '2025-11-25' },
  promptArgument: { title: '2025-06-18' },
  resource: { title: '2025-06-18', _meta: '2025-06-18', icons: '2025-11-25' },
  progress: { message: '2025-03-26' },
} as const satisfies Record<string, Additions>;

type Part = keyof typeof additions;

/** What a result may have. */
export interface Shown {
  /** The revision whose types of content are known. */
  content: string;
  /** The revision whose fields are known. */
  fields: string;
  /** False for clients that cannot use a `resource_link`. */
  links: boolean;
}

export function has(part: Part, name: string, version: string): boolean {
  const first = (additions[part] as Additions)[name];
  return first === undefined || first <= version;
}

/**
 * What the client of a request knows. One that never said which revision it speaks is taken for one of 2025-03-26: types of
 * content that it may not know can cost it a result; fields that it does not know are skipped.
 */
export function shownTo(
  { version, isAssumed }: Pick<Exchange, 'version' | 'isAssumed'>,
  links: boolean,
): Shown {
  return { content: version, fields: isAssumed === true ? modernVersion : version, links };
}

/** A part of a result, of which what came later may be missing. */
type Kept<P extends Part, T> = Omit<T, keyof (typeof additions)[P]> &
  Partial<Pick<T, Extract<keyof T, keyof (typeof additions)[P]>>>;

/** A part of a result without the fields that came later. */
export function keepKnown<P extends Part, T extends object>(part: P, value: T, version: string): Kept<P, T> {
  const known = Object.entries(value).filter(([name]) => has(part, name, version));
  // as: only fields that have a first version are left out.
  return Object.fromEntries(known) as Kept<P, T>;
}

type FitResult = (result: JsonObject, shown: Shown) => JsonObject;

const eachOf =
  (field: string, part: Part): FitResult =>
  (result, { fields }) => ({
    ...result,
    [field]: listOf(result[field]).map((item) => keepKnown(part, item, fields)),
  });

/** How the results of methods are fitted, and the newest revision that still has something to be taken away. */
const fitters: Readonly<Record<string, { below: LegacyVersion; apply: FitResult }>> = {
  'tools/list': { below: '2025-11-25', apply: eachOf('tools', 'tool') },
  'tools/call': { below: '2025-06-18', apply: fitCall },
  'prompts/list': { below: '2025-11-25', apply: fitPrompts },
  'prompts/get': { below: '2025-06-18', apply: fitMessages },
  'resources/list': { below: '2025-11-25', apply: eachOf('resources', 'resource') },
  'resources/templates/list': { below: '2025-11-25', apply: eachOf('resourceTemplates', 'resource') },
  'resources/read': { below: '2025-06-18', apply: eachOf('contents', 'contents') },
  'tasks/get': { below: '2025-06-18', apply: fitTask },
};

/** Methods whose results are the same texts again and again. */
const isList = (method: string) => method.endsWith('/list');
const maxKept = 32;
/** By the text itself, whose hash the engine has made once, and by what is shown of it. */
const kept = new Map<string, Map<string, string>>();

/** The text of a result as its client knows it; for the clients of today it is not even parsed. */
export function fitResult(method: string, text: string, shown: Shown): string {
  const fitter = Object.hasOwn(fitters, method) ? fitters[method] : undefined;
  if (fitter === undefined) return text;
  // Lists have neither links nor sounds of their own.
  if (isList(method)) return shown.fields >= fitter.below ? text : fitKept(fitter.apply, text, shown);
  if (shown.fields < fitter.below) return fitText(fitter.apply, text, shown);
  const hasLinks = (!shown.links || shown.content < fitter.below) && text.includes('"resource_link"');
  const hasSounds = !has('contentTypes', 'audio', shown.content) && text.includes('"audio"');
  return hasLinks || hasSounds ? fitText(fitter.apply, text, shown) : text;
}

function fitText(apply: FitResult, text: string, shown: Shown): string {
  // as: results are written here or by our own services.
  return JSON.stringify(apply(JSON.parse(text) as JsonObject, shown));
}

function fitKept(apply: FitResult, text: string, shown: Shown): string {
  let byRevision = kept.get(text);
  if (byRevision === undefined) {
    if (kept.size >= maxKept) kept.clear();
    byRevision = new Map();
    kept.set(text, byRevision);
  }
  const known = byRevision.get(shown.fields);
  if (known !== undefined) return known;
  const fitted = fitText(apply, text, shown);
  byRevision.set(shown.fields, fitted);
  return fitted;
}

function fitCall(result: JsonObject, shown: Shown): JsonObject {
  const content = listOf(result.content);
  const said = content.map((block) => String(block.text ?? '')).join('\n');
  return {
    ...keepKnown('callResult', result, shown.fields),
    content: content.flatMap((block) => fitBlock(block, said, shown)),
  };
}

function fitTask(task: JsonObject, shown: Shown): JsonObject {
  return isObject(task.result) ? { ...task, result: fitCall(task.result, shown) } : task;
}

function fitPrompts(result: JsonObject, { fields }: Shown): JsonObject {
  const prompts = listOf(result.prompts).map((prompt) => ({
    ...keepKnown('prompt', prompt, fields),
    ...(prompt.arguments === undefined
      ? {}
      : { arguments: listOf(prompt.arguments).map((item) => keepKnown('promptArgument', item, fields)) }),
  }));
  return { ...result, prompts };
}

function fitMessages(result: JsonObject, shown: Shown): JsonObject {
  const messages = listOf(result.messages).flatMap((message) =>
    (isObject(message.content) ? fitBlock(message.content, '', shown) : []).map((content) => ({
      ...message,
      content,
    })),
  );
  return { ...result, messages };
}

/** A block of content, or what an older client can have of it; nothing where the text says it already. */
function fitBlock(block: JsonObject, said: string, shown: Shown): JsonObject[] {
  const type = String(block.type);
  const isKnown = has('contentTypes', type, shown.content) && (shown.links || type !== 'resource_link');
  if (!isKnown) return type === 'resource_link' ? linkAsText(block, said) : [audioAsResource(block)];
  const fitted = keepKnown('content', block, shown.fields);
  if (isObject(block.annotations))
    fitted.annotations = keepKnown('annotations', block.annotations, shown.fields);
  if (isObject(block.resource)) fitted.resource = keepKnown('contents', block.resource, shown.fields);
  return [fitted];
}

function linkAsText({ uri, name, title }: JsonObject, said: string): JsonObject[] {
  if (said.includes(String(uri))) return [];
  return [{ type: 'text', text: `[${String(title ?? name ?? 'file')}](${String(uri)})` }];
}

function audioAsResource({ data, mimeType }: JsonObject): JsonObject {
  return { type: 'resource', resource: { uri: 'inferry://content/audio', mimeType, blob: data } };
}

function listOf(value: unknown): JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}
