/** JSON-RPC messages as text and as values, and how large and deep one may be. */
import {
  callOf,
  createUpload,
  type ErrorCode,
  errorCodes,
  exactDigits,
  hasWords,
  hint,
  isObject,
  type JsonObject,
  plainWords,
  valueInWords,
  type Words,
} from '@inferry/contracts';

// Refusals as the protocol says them; what they are on a transport is the transport's business.

/** JSON-RPC error codes in use (JSON-RPC 2.0, section 5.1; MCP 2026-07-28, basic and transports). */
export const rpcCodes = {
  parse: -32_700,
  invalidRequest: -32_600,
  methodNotFound: -32_601,
  invalidParams: -32_602,
  internal: -32_603,
  server: -32_000,
  /** Of the legacy revisions alone (MCP 2025-11-25, resources, error handling). */
  resourceNotFound: -32_002,
  headerMismatch: -32_020,
  missingCapability: -32_021,
  unsupportedVersion: -32_022,
} as const;

/**
 * Why a request is not answered with a result. A plain value and not an Error: refusing must cost less than serving,
 * and a stack trace would be most of the cost.
 */
export interface Refusal {
  isRefusal: true;
  /** JSON-RPC error code. */
  code: number;
  message: string;
  /** Always has the stable `code` of `errorCodes`. */
  data: JsonObject & { code: ErrorCode; retry_after_seconds?: number };
}

export interface RefusalOptions {
  rpcCode?: number;
  nextAction?: string;
  retryAfterSeconds?: number;
  data?: JsonObject;
}

export function refuse(
  [code, message]: readonly [ErrorCode, string],
  { rpcCode = rpcCodes.server, retryAfterSeconds, nextAction, data }: RefusalOptions = {},
): Refusal {
  return {
    isRefusal: true,
    code: rpcCode,
    message,
    data: {
      code,
      message,
      ...(errorCodes[code].retryable ? { retryable: true } : {}),
      ...(retryAfterSeconds === undefined ? {} : { retry_after_seconds: retryAfterSeconds }),
      ...(nextAction === undefined ? {} : { next_action: nextAction }),
      ...data,
    },
  };
}

export function isRefusal(value: unknown): value is Refusal {
  return typeof value === 'object' && value !== null && 'isRefusal' in value;
}

/** What came is JSON, but not a message that is taken here. */
export function refuseInvalid(message: string): Refusal {
  return refuse(['invalid_request', message], { rpcCode: rpcCodes.invalidRequest });
}

/** The request arrived, its parameters are wrong (MCP 2026-07-28, tools, error handling). */
export function refuseParams(
  told: readonly [ErrorCode, string],
  options: Omit<RefusalOptions, 'rpcCode'> = {},
): Refusal {
  return refuse(told, { ...options, rpcCode: rpcCodes.invalidParams });
}

/** A number that JavaScript would round, in the digits in which it came; `JSON.stringify` writes them again. */
interface ExactNumber {
  readonly rawJSON: string;
}

export type RequestId = string | number | ExactNumber;

export type ProgressToken = RequestId;

/** One MCP request; `params` is always an object here. */
export interface McpRequest {
  kind: 'request';
  id: RequestId;
  method: string;
  params: JsonObject;
  /** `params._meta`, or an empty object. */
  meta: JsonObject;
}

export interface McpNotification {
  kind: 'notification';
  method: string;
  params: JsonObject;
  meta: JsonObject;
}

/** A client's answer to a request of ours. */
export interface McpResponse {
  kind: 'response';
  id: unknown;
  result: unknown;
  error: unknown;
}

export type McpMessage = McpRequest | McpNotification | McpResponse;

const none: JsonObject = Object.freeze({});

/** Nothing that is not exact is shorter than this. */
const anyLong = /\d[\d.eE+-]{14}/;
/** What a client gets back as it sent it, where the number has so many digits that it may be rounded. */
const longNumber = /"(?:id|requestId|progressToken)"\s*:\s*-?\d[\d.eE+-]{14}/;
const echoed = new Set(['id', 'requestId', 'progressToken']);
/** A whole number of a tool's arguments that a double may not hold, such as a seed of 64 bits. */
const longInteger = /[:[,]\s*-?\d{16,}\s*[,}\]]/;

// as: TypeScript's library does not know it yet (ECMAScript, JSON.parse source text access).
const { rawJSON } = JSON as unknown as { rawJSON(text: string): ExactNumber };

/**
 * JSON with the numbers that are sent back kept exact, and every other whole number beyond 2^53 as the text of its digits,
 * which whoever wants a number reads it from; undefined when it is not JSON.
 */
export function parseJson(text: string): unknown {
  try {
    // as: the third parameter is not in TypeScript's library yet.
    return anyLong.test(text) && (longNumber.test(text) || longInteger.test(text))
      ? JSON.parse(text, keepExact as Reviver)
      : JSON.parse(text);
  } catch {
    // The caller is told by the refusal; what it sent is not worth a log line.
    return undefined;
  }
}

type Reviver = Parameters<typeof JSON.parse>[1];

function keepExact(key: string, value: unknown, context: { source?: string }): unknown {
  const { source } = context;
  if (typeof value !== 'number' || source === undefined) return value;
  if (!echoed.has(key)) return exactDigits(source) ?? value;
  return Number.isSafeInteger(value) || String(value) === source ? value : rawJSON(source);
}

export function isExactNumber(value: unknown): value is ExactNumber {
  return typeof value === 'object' && value !== null && 'rawJSON' in value;
}

/** Two names of one request; a number that was rounded on its way is the one that it was rounded from. */
export function isSameId(one: RequestId, other: RequestId): boolean {
  if (isExactNumber(one) && isExactNumber(other)) return one.rawJSON === other.rawJSON;
  if (isExactNumber(one)) return Number(one.rawJSON) === other;
  return isExactNumber(other) ? one === Number(other.rawJSON) : one === other;
}

/** A parsed JSON value as one JSON-RPC 2.0 message, or why it is none. */
export function readMessage(value: unknown): McpMessage | Refusal {
  if (!isObject(value) || value.jsonrpc !== '2.0')
    return refuseInvalid('This is not a JSON-RPC 2.0 message.');
  const { method, id } = value;
  if (typeof method !== 'string') {
    const isResponse = 'result' in value || 'error' in value;
    return isResponse
      ? { kind: 'response', id, result: value.result, error: value.error }
      : refuseInvalid('A JSON-RPC message needs a method.');
  }
  const params = value.params ?? none;
  if (!isObject(params)) return refuseInvalid('params must be an object.');
  const meta = isObject(params._meta) ? params._meta : none;
  if (id === undefined) return { kind: 'notification', method, params, meta };
  if (isRequestId(id)) return { kind: 'request', id, method, params, meta };
  return refuseInvalid('The id of a request is a string or a number of at most 256 characters.');
}

/** An id goes into logs, spans and every answer, and has to come back as it was. */
export function isRequestId(id: unknown): id is RequestId {
  if (typeof id === 'string') return id.length <= 256;
  if (isExactNumber(id)) return id.rawJSON.length <= 256;
  return typeof id === 'number' && Number.isFinite(id);
}

/** A whole response around a result that is JSON text already: results are never parsed on their way through. */
export function responseText(id: RequestId, result: string): string {
  return `{"jsonrpc":"2.0","id":${idText(id)},"result":${result}}`;
}

/** A refusal as a response; `words` says the calls that its texts name. */
export function errorText(id: RequestId | undefined, refusal: Refusal, words: Words = plainWords): string {
  const { code, message, data } = refusal;
  const plain = JSON.stringify({ code, message, data });
  const error = hasWords(plain) ? JSON.stringify(valueInWords({ code, message, data }, words)) : plain;
  return `{"jsonrpc":"2.0","id":${id === undefined ? 'null' : idText(id)},"error":${error}}`;
}

export function notificationText(method: string, params: JsonObject): string {
  return `{"jsonrpc":"2.0","method":"${method}","params":${JSON.stringify(params)}}`;
}

function idText(id: RequestId): string {
  return typeof id === 'number' ? String(id) : JSON.stringify(id);
}

/** Of a message with more bytes, which is not read. */
export function refuseSize(maxBytes: number): Refusal {
  return refuse(['body_too_large', `The body is larger than ${maxBytes} bytes.`], {
    nextAction: hint`Send files with ${callOf(createUpload)} or by URL, and pass the asset id.`,
  });
}

/** Deeper than any schema of ours, and far from where recursive readers run out of stack. */
const maxJsonDepth = 64;

export const tooDeep = refuseInvalid(`The body is nested deeper than ${maxJsonDepth}.`);

const quote = 0x22;
const backslash = 0x5c;

/** Counts brackets outside of strings; whether the text is JSON is for the parser to say. */
export function isTooDeep(text: string): boolean {
  // A text that has fewer characters cannot be deeper.
  if (text.length <= maxJsonDepth) return false;
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === quote) at = endOfString(text, at);
    // `[` and `{`, then `]` and `}`.
    else if (code === 0x5b || code === 0x7b) {
      depth += 1;
      if (depth > maxJsonDepth) return true;
    } else if (code === 0x5d || code === 0x7d) depth -= 1;
  }
  return false;
}

/** Long strings are most of a large body, so the search for their end is the engine's. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === backslash) slashes += 1;
    if (slashes % 2 === 0) return end;
  }
  return text.length;
}
