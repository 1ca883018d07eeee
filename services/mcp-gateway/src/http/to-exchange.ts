/** An admitted HTTP request as the protocol takes it: who sent it, which tools it asks for, and what its headers say. */
import type { IncomingMessage } from 'node:http';
import { isObject, type JsonObject, type Principal, Recent } from '@inferry/contracts';
import {
  type Asked,
  type Channel,
  type Era,
  type Exchange,
  type McpHeaders,
  type McpMessage,
  type McpRequest,
  metaKeys,
  type Offer,
  type Refusal,
  refuseParams,
  type Selection,
  type Sender,
  type Sessions,
  type Spoken,
  type ToolView,
} from '@inferry/mcp';
import { oneValue } from '../edge/request-head.ts';
import { type HttpRefusal, refuse } from '../http-refusal.ts';
import type { Post } from './http-channel.ts';

/** What is known of a request beside itself. */
export type KnownRequest = Spoken &
  Pick<Exchange, 'isAssumed' | 'attachment' | 'resumed'> & { from: KnownSender };

/**
 * An admitted POST with one request as the protocol core takes it. Its getter stands on the prototype: an object with a getter of
 * its own has a shape of its own, and everything that reads it is slow from then on.
 */
export class HttpExchange implements Exchange {
  readonly era: Era;
  readonly version: string;
  readonly isAssumed: true | undefined;
  readonly principal: Principal;
  readonly session: string;
  readonly request: McpRequest;
  readonly offer: Offer;
  readonly channel: Channel;
  readonly capabilities: JsonObject;
  readonly header: (name: string) => string | undefined;
  readonly clientName: string;
  readonly heldMs: number | undefined;
  readonly traceCarrier: JsonObject;
  readonly attachment: string | undefined;
  readonly resumed: Exchange['resumed'];
  readonly #view: () => ToolView;

  constructor(
    { request: { headers }, offer, heldMs }: Post,
    request: McpRequest,
    { known, view, channel }: { known: KnownRequest; view: () => ToolView; channel: Channel },
  ) {
    const { era, from } = known;
    const declared = era === 'modern' ? request.meta[metaKeys.clientCapabilities] : from.capabilities;
    this.era = era;
    this.version = known.version;
    this.isAssumed = known.isAssumed;
    this.principal = from.principal;
    this.session = from.session;
    this.request = request;
    this.offer = offer;
    this.channel = channel;
    this.capabilities = isObject(declared) ? declared : none;
    this.header = (name) => oneValue(headers[name]);
    this.clientName = nameOf(request.meta) ?? from.clientName ?? headers['user-agent'] ?? '';
    this.heldMs = heldMs;
    this.traceCarrier = carrierOf(headers) ?? request.meta;
    this.attachment = known.attachment;
    this.resumed = known.resumed;
    this.#view = view;
  }

  /** Made when it is looked at: most methods have nothing to do with tools. */
  get view(): ToolView {
    return this.#view();
  }
}

function nameOf(meta: JsonObject): string | undefined {
  const info = meta[metaKeys.clientInfo];
  return isObject(info) && typeof info.name === 'string' ? info.name : undefined;
}

/** An Accept that is missing, takes anything or JSON alone is answered in plain JSON, never with 406 (X5, RF-75). */
export function acceptsStream({ headers }: IncomingMessage): boolean {
  return headers.accept?.includes('text/event-stream') ?? false;
}

/** The headers that the protocol gives a meaning. */
export function headersOf({ headers }: IncomingMessage): McpHeaders {
  return {
    version: oneValue(headers['mcp-protocol-version']),
    method: oneValue(headers['mcp-method']),
    name: oneValue(headers['mcp-name']),
    wholeName: lineOf(headers['mcp-name']),
  };
}

/** A header whose values are a list, in one line; what is empty was not sent. */
export function lineOf(sent: string | string[] | undefined): string | undefined {
  const line = (typeof sent === 'string' ? sent : sent?.join(','))?.trim();
  return line === undefined || /^[\s,]*$/.test(line) ? undefined : line;
}

function carrierOf(headers: IncomingMessage['headers']): JsonObject | undefined {
  const traceparent = oneValue(headers.traceparent);
  if (traceparent === undefined) return undefined;
  return traceparent === headers.traceparent ? headers : { ...headers, traceparent };
}

/** A sender with what its session tells about it. */
export interface KnownSender extends Sender {
  /** What it declared at the start; empty when it has no session. */
  capabilities: JsonObject;
  clientName: string | undefined;
  /** The version that its session was begun with. */
  version: string | undefined;
}

/** The client begins anew when it hears this (MCP 2025-11-25, transports, session management). */
const sessionOver = refuse(404, ['session_not_found', 'This session is over, or was not begun here.'], {
  nextAction: 'Send initialize without Mcp-Session-Id.',
});

const none: JsonObject = Object.freeze({});

/**
 * Who sent a message. A session is a signed header of the legacy era: without one a client is served too, with one
 * that is not ours it is not, and the modern era has none.
 */
export function readSender(
  sessions: Sessions,
  { request, principal }: { request: IncomingMessage; principal: Principal },
  { era, message }: { era: Era; message?: McpMessage },
): KnownSender | HttpRefusal {
  const token = oneValue(request.headers['mcp-session-id']);
  const begins = message?.kind === 'request' && message.method === 'initialize';
  if (token === undefined || era === 'modern' || begins) {
    return {
      principal,
      session: principal.grant_id,
      capabilities: none,
      clientName: undefined,
      version: undefined,
    };
  }
  const session = sessions.verify(token, principal);
  if (session === undefined) return sessionOver;
  const { id, capabilities, clientName, version } = session;
  return { principal, session: id, capabilities, clientName, version };
}

/**
 * The version of a message: what its header or envelope says, or else what its session was begun with; with neither, it is
 * only assumed.
 */
export function inSession(
  { request }: { request: IncomingMessage },
  spoken: Spoken,
  { version }: KnownSender,
): Pick<Exchange, 'era' | 'version' | 'isAssumed'> {
  if (spoken.era === 'modern' || oneValue(request.headers['mcp-protocol-version']) !== undefined)
    return spoken;
  return version === undefined ? { ...spoken, isAssumed: true } : { era: spoken.era, version };
}

export interface SelectionSource {
  /** Path and query as sent. */
  url: string;
  toolsetsHeader: string | undefined;
  excludeHeader: string | undefined;
  readOnlyHeader: string | undefined;
}

const maxLength = 2_000;
const seenBy = new WeakMap<Offer, Recent<Selection | Refusal>>();

/** Selections are made once each and kept while they are in use. */
export function readSelection(offer: Offer, source: SelectionSource): Selection | Refusal {
  const { url, toolsetsHeader, excludeHeader, readOnlyHeader } = source;
  const hasHeaders =
    toolsetsHeader !== undefined || excludeHeader !== undefined || readOnlyHeader !== undefined;
  if (!hasHeaders && isPlain(url, offer)) return offer.plain;
  const key = `${url}\n${toolsetsHeader ?? ''}\n${excludeHeader ?? ''}\n${readOnlyHeader ?? ''}`;
  if (key.length > maxLength)
    return refuseParams(['validation_failed', 'The selection of tools is too long.']);
  const seen = seenBy.get(offer) ?? new Recent(200);
  seenBy.set(offer, seen);
  const known = seen.get(key);
  if (known !== undefined) return known;
  const selection = offer.select(toAsked(source));
  seen.set(key, selection);
  return selection;
}

/** An address that asks for nothing in particular. */
function isPlain(url: string, { profile }: Offer): boolean {
  return url === '/mcp' || url === (profile.key === 'inferry' ? '/' : `/mcp/${profile.key}`);
}

function toAsked({ url, toolsetsHeader, excludeHeader, readOnlyHeader }: SelectionSource): Asked {
  const { pathname, searchParams } = new URL(url, 'http://gateway');
  const parts = pathname.split('/');
  // Below `/mcp` or below the mount of a profile.
  const at = parts[2] === 'x' ? 2 : 3;
  const isNarrowPath = parts[at] === 'x';
  const [inPath, last] = [parts[at + 1], parts[at + 2]];
  return {
    toolsets: [
      isNarrowPath ? decode(inPath) : undefined,
      ...searchParams.getAll('toolsets').map(lineOf),
      toolsetsHeader,
    ].filter((list) => list !== undefined),
    excluded: [...searchParams.getAll('exclude'), excludeHeader ?? ''],
    isReadOnly:
      (isNarrowPath && last === 'readonly') ||
      searchParams.getAll('readonly').some(isTrue) ||
      isTrue(readOnlyHeader),
  };
}

/** Where one of several copies says so, it is so: a source can only take away. */
function isTrue(value: string | undefined): boolean {
  if (value === undefined) return false;
  return (
    value === '' ||
    value
      .toLowerCase()
      .split(',')
      .some((item) => ['1', 'true'].includes(item.trim()))
  );
}

function decode(segment: string | undefined): string {
  try {
    return decodeURIComponent(segment ?? '');
  } catch {
    // A broken escape names no toolset, and is refused as such.
    return '%';
  }
}
