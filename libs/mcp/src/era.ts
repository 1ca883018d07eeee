/** Which revision of the protocol a message is of, and how results are fitted to what that revision knows. */
import { isObject, type JsonObject } from '@inferry/contracts';
import type { Exchange } from './exchange.ts';
import {
  type McpMessage,
  type McpRequest,
  type Refusal,
  refuse,
  refuseInvalid,
  rpcCodes,
} from './json-rpc.ts';
import {
  assumedVersion,
  type Era,
  type LegacyVersion,
  legacyVersions,
  metaKeys,
  modernVersion,
} from './versions.ts';

/** The request headers that the protocol gives a meaning, as they came. */
export interface McpHeaders {
  version: string | undefined;
  method: string | undefined;
  name: string | undefined;
  /** The name before equal copies of it were made one: a name may look like copies. */
  wholeName?: string | undefined;
}

export interface Spoken {
  era: Era;
  version: string;
}

const legacyAssumed: Spoken = { era: 'legacy', version: assumedVersion };
const modern: Spoken = { era: 'modern', version: modernVersion };
const legacyBy: Readonly<Record<string, Spoken>> = Object.fromEntries(
  legacyVersions.map((version) => [version, { era: 'legacy', version }]),
);

/**
 * The era of one message: the body decides and the headers, where the transport has them, must agree (MCP 2026-07-28,
 * versioning and transports).
 * Refusals here are what lets a client that speaks both eras fall back, so their codes must reach it as they are.
 */
export function readEra(message: McpMessage, headers?: McpHeaders): Spoken | Refusal {
  const version = headers?.version?.trim();
  if (message.kind === 'response') {
    return version === modernVersion ? refuseInvalid('Responses cannot be posted.') : toLegacy(version);
  }
  const claims = metaKeys.protocolVersion in message.meta;
  if (claims) return readModern(message, headers);
  if (version !== modernVersion) {
    // The header of an `initialize` names nothing yet: the version is in its params.
    return message.method === 'initialize' ? legacyAssumed : toLegacy(version);
  }
  if (message.kind === 'notification') return modern;
  if (message.method === 'initialize') return mismatch('initialize does not exist in this protocol version');
  return refuseEnvelope(metaKeys.protocolVersion, 'is missing');
}

/** Batches exist in 2025-03-26 alone (MCP 2025-06-18, changelog). */
export function readBatchEra(headers: McpHeaders): Spoken | Refusal {
  const version = headers.version?.trim() ?? assumedVersion;
  return version === assumedVersion
    ? legacyAssumed
    : refuseInvalid(`Batches are not part of protocol version ${clip(version)}.`);
}

function toLegacy(version: string | undefined): Spoken | Refusal {
  if (version === undefined) return legacyAssumed;
  return (
    (Object.hasOwn(legacyBy, version) ? legacyBy[version] : undefined) ??
    refuseVersion(version, [modernVersion, ...legacyVersions])
  );
}

function readModern(
  message: Exclude<McpMessage, { kind: 'response' }>,
  headers: McpHeaders | undefined,
): Spoken | Refusal {
  const claimed = message.meta[metaKeys.protocolVersion];
  if (typeof claimed !== 'string') return refuseEnvelope(metaKeys.protocolVersion, 'must be a string');
  const version = headers?.version?.trim();
  if (version !== undefined && version !== claimed) {
    return mismatch('MCP-Protocol-Version and the version in _meta differ');
  }
  if (claimed !== modernVersion) return refuseVersion(claimed, [modernVersion]);
  if (message.kind === 'notification') {
    return headers?.method === undefined || headers.method.trim() === message.method
      ? modern
      : mismatch('Mcp-Method and the method in the body differ');
  }
  const broken = refuseBrokenEnvelope(message.meta);
  return broken ?? (headers === undefined ? undefined : refuseHeaders(message, headers)) ?? modern;
}

function refuseBrokenEnvelope(meta: JsonObject): Refusal | undefined {
  const capabilities = meta[metaKeys.clientCapabilities];
  if (capabilities === undefined) return refuseEnvelope(metaKeys.clientCapabilities, 'is missing');
  if (!isObject(capabilities)) return refuseEnvelope(metaKeys.clientCapabilities, 'must be an object');
  const info = meta[metaKeys.clientInfo];
  return info === undefined || isObject(info)
    ? undefined
    : refuseEnvelope(metaKeys.clientInfo, 'must be an object');
}

/** The methods whose `Mcp-Name` header repeats a parameter (MCP 2026-07-28, transports; ext-tasks). */
const nameSources: Readonly<Record<string, string>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
  'tasks/get': 'taskId',
  'tasks/update': 'taskId',
  'tasks/cancel': 'taskId',
};

function refuseHeaders({ method, params }: McpRequest, headers: McpHeaders): Refusal | undefined {
  if (headers.version === undefined) return mismatch('the MCP-Protocol-Version header is missing');
  if (headers.method === undefined) return mismatch('the Mcp-Method header is missing');
  if (headers.method.trim() !== method) return mismatch('Mcp-Method and the method in the body differ');
  const source = Object.hasOwn(nameSources, method) ? nameSources[method] : undefined;
  const expected = source === undefined ? undefined : params[source];
  if (typeof expected !== 'string') return undefined;
  if (headers.name === undefined) return mismatch('the Mcp-Name header is missing');
  const sent = [headers.name, headers.wholeName ?? headers.name];
  return sent.some((name) => decodeHeader(name.trim()) === expected)
    ? undefined
    : mismatch(`Mcp-Name and params.${source} differ`);
}

/** A header value as it was before `=?base64?...?=`; undefined when the encoding is broken. */
export function decodeHeader(value: string): string | undefined {
  if (!value.startsWith('=?base64?') || !value.endsWith('?=')) return value;
  const encoded = value.slice('=?base64?'.length, -2);
  const bytes = Buffer.from(encoded, 'base64');
  // Only what encodes back to itself was encoded well: decoding is lenient.
  return bytes.toString('base64') === encoded ? bytes.toString('utf8') : undefined;
}

export function mismatch(what: string): Refusal {
  return refuse(['header_mismatch', `The request's headers and body disagree: ${what}.`], {
    rpcCode: rpcCodes.headerMismatch,
  });
}

function refuseEnvelope(key: string, problem: string): Refusal {
  return refuse(['validation_failed', `Invalid params: _meta["${key}"] ${problem}.`], {
    rpcCode: rpcCodes.invalidParams,
  });
}

/** Names what is served in the way that the client asked, so that it can choose (MCP 2026-07-28, versioning). */
function refuseVersion(requested: string, supported: readonly string[]): Refusal {
  return refuse(['unsupported_protocol_version', 'This protocol version is not served here.'], {
    rpcCode: rpcCodes.unsupportedVersion,
    data: { supported, requested: clip(requested) },
  });
}

/** What a client sent is never echoed at length. */
function clip(value: string): string {
  return value.length > 40 ? `${value.slice(0, 40)}…` : value;
}

// * What the revisions of the protocol added to each other, so that nobody is sent what is newer than the revision that was
// negotiated: clients of their time reject a whole result for one type of content that they do not know.

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
interface Shown {
  /** The revision whose types of content are known. */
  content: string;
  /** The revision whose fields are known. */
  fields: string;
  /** False for clients that cannot use a `resource_link`; asked about results that have one. */
  links(): boolean;
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
  links: Shown['links'],
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
  const hasLinks = text.includes('"resource_link"') && (!shown.links() || shown.content < fitter.below);
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
  const isKnown = has('contentTypes', type, shown.content) && (type !== 'resource_link' || shown.links());
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
