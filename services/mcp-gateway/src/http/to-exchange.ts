import type { IncomingMessage } from 'node:http';
import { isObject, type JsonObject } from '@inferry/contracts';
import { type Exchange, type McpHeaders, type McpRequest, metaKeys, type Spoken } from '@inferry/mcp';
import { oneValue } from '../edge/one-value.ts';
import type { Post } from './post.ts';
import type { KnownSender } from './sender.ts';

/** An admitted POST with one request as the protocol core takes it. */
export function toExchange(
  post: Post,
  request: McpRequest,
  {
    from,
    ...rest
  }: Spoken &
    Pick<Exchange, 'isAssumed' | 'offer' | 'view' | 'channel' | 'attachment' | 'resumed'> & {
      from: KnownSender;
    },
): Exchange {
  const { headers } = post.request;
  const declared = rest.era === 'modern' ? request.meta[metaKeys.clientCapabilities] : from.capabilities;
  return {
    ...rest,
    principal: from.principal,
    session: from.session,
    request,
    capabilities: isObject(declared) ? declared : {},
    header: (name) => oneValue(headers[name]),
    clientName: nameOf(request.meta) ?? from.clientName ?? headers['user-agent'] ?? '',
    heldMs: post.heldMs,
    traceCarrier: carrierOf(headers) ?? request.meta,
  };
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
  return line === '' ? undefined : line;
}

function carrierOf(headers: IncomingMessage['headers']): JsonObject | undefined {
  const traceparent = oneValue(headers.traceparent);
  if (traceparent === undefined) return undefined;
  return traceparent === headers.traceparent ? headers : { ...headers, traceparent };
}
