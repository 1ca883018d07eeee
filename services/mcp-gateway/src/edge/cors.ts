import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Origins } from './request-head.ts';
import { oneValue } from './request-head.ts';

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

/** A field name (RFC 9110, section 5.1). What means nothing here is not read, and must not keep the rest from arriving. */
const headerName = /^[!#$%&'*+.^_`|~0-9a-z-]{1,100}$/;
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
      response.setHeader('access-control-allow-methods', 'GET, POST, DELETE');
      response.setHeader(
        'access-control-allow-headers',
        namesIn(headers['access-control-request-headers']).join(', '),
      );
      response.setHeader('access-control-max-age', maxAgeSeconds);
      response.writeHead(204).end();
      return true;
    },
  };
}

/** The names in a list of headers that a page wants to send. */
export function namesIn(wanted: string | undefined): string[] {
  return (wanted ?? '')
    .toLowerCase()
    .split(',', maxHeaders)
    .map((name) => name.trim())
    .filter((name) => headerName.test(name));
}
