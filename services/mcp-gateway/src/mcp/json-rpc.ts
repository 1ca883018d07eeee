import { isObject, type JsonObject } from '@inferry/contracts';
import { type Refusal, refuseInvalid } from '../refusal.ts';

export type RequestId = string | number;

export type ProgressToken = string | number;

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
  return refuseInvalid('The id of a request is a string of at most 256 characters or a number.');
}

/** An id goes into logs, spans and every answer, and has to come back as it was. */
function isRequestId(id: unknown): id is RequestId {
  if (typeof id === 'string') return id.length <= 256;
  return typeof id === 'number' && Number.isFinite(id) && Math.abs(id) <= Number.MAX_SAFE_INTEGER;
}

/** A whole response around a result that is JSON text already: results are never parsed on their way through. */
export function responseText(id: RequestId, result: string): string {
  return `{"jsonrpc":"2.0","id":${idText(id)},"result":${result}}`;
}

export function errorText(id: RequestId | undefined, refusal: Refusal): string {
  const { code, message, data } = refusal;
  const error = JSON.stringify({ code, message, data });
  return `{"jsonrpc":"2.0","id":${id === undefined ? 'null' : idText(id)},"error":${error}}`;
}

export function notificationText(method: string, params: JsonObject): string {
  return `{"jsonrpc":"2.0","method":"${method}","params":${JSON.stringify(params)}}`;
}

function idText(id: RequestId): string {
  return typeof id === 'number' ? String(id) : JSON.stringify(id);
}
