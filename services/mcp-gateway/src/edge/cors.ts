import type { IncomingMessage, ServerResponse } from 'node:http';
import { oneValue } from './one-value.ts';
import type { Origins } from './origin.ts';

/**
 * What pages of allowed origins may do here (WHATWG Fetch, CORS protocol): each origin by its name and never `*`, and
 * without the browser's own credentials, since nothing here is authorised by a cookie.
 */
export interface Cors {
  /** Sets what lets the page read the answer, whatever that will be; nothing for other origins. */
  show(request: IncomingMessage, response: ServerResponse): void;
  /** Answers the question that a browser asks before the request; false when this is none. */
  answerPreflight(request: IncomingMessage, response: ServerResponse): boolean;
}

/** What clients read beside the body. */
const exposed = 'Mcp-Session-Id, WWW-Authenticate, Retry-After, RateLimit, RateLimit-Policy';

/** What clients send; anything else is not read here, so no page needs to send it. */
const allowedHeaders: ReadonlySet<string> = new Set([
  'accept',
  'authorization',
  'baggage',
  'content-type',
  'last-event-id',
  'mcp-method',
  'mcp-name',
  'mcp-protocol-version',
  'mcp-session-id',
  'traceparent',
  'tracestate',
  'x-mcp-exclude-tools',
  'x-mcp-readonly',
  'x-mcp-toolsets',
]);
/** Arguments of tools that are repeated as headers (MCP 2026-07-28, tools, x-mcp-header). */
const paramHeader = /^mcp-param-[a-z0-9-]{1,64}$/;
const maxHeaders = 64;
/** How long a browser need not ask again; none remembers for longer than two hours. */
const maxAgeSeconds = '7200';

export function createCors(origins: Origins): Cors {
  return {
    show({ headers }, response) {
      const origin = oneValue(headers.origin);
      if (origin === undefined || response.headersSent) return;
      // Also for origins that are refused: a cache must not answer one with what another got.
      response.setHeader('vary', 'Origin');
      if (!origins.has(origin)) return;
      response.setHeader('access-control-allow-origin', origin);
      response.setHeader('access-control-expose-headers', exposed);
    },
    answerPreflight({ method, headers }, response) {
      if (method !== 'OPTIONS' || headers.origin === undefined) return false;
      if (headers['access-control-request-method'] === undefined) return false;
      const wanted = String(headers['access-control-request-headers'] ?? '').toLowerCase();
      response.setHeader('access-control-allow-methods', 'POST');
      response.setHeader('access-control-allow-headers', takenOf(wanted).join(', '));
      response.setHeader('access-control-max-age', maxAgeSeconds);
      response.writeHead(204).end();
      return true;
    },
  };
}

/** Those of the wanted headers that mean something here. */
function takenOf(wanted: string): string[] {
  return wanted
    .split(',', maxHeaders)
    .map((name) => name.trim())
    .filter((name) => allowedHeaders.has(name) || paramHeader.test(name));
}
