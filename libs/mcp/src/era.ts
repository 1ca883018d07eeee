import { isObject, type JsonObject } from '@inferry/contracts';
import type { McpMessage, McpRequest } from './json-rpc.ts';
import { type Refusal, refuse, refuseInvalid, rpcCodes } from './refusal.ts';
import { assumedVersion, type Era, legacyVersions, metaKeys, modernVersion } from './versions.ts';

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
