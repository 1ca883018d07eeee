import type { IncomingMessage } from 'node:http';
import { type HttpRefusal, refuse } from '../http-refusal.ts';
import { oneValue } from './one-value.ts';

const loopbackOrigin = /^https?:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?$/;

/** The origins whose pages may call here. */
export interface Origins {
  has(origin: string): boolean;
}

/** Without a list, pages that are served on this machine. */
export function createOrigins(allowed: ReadonlySet<string> | undefined): Origins {
  return {
    has(origin) {
      const name = origin.toLowerCase();
      return allowed === undefined ? loopbackOrigin.test(name) : allowed.has(name);
    },
  };
}

/**
 * Only browsers send an Origin: a page of another site must not reach this server with what the browser can reach
 * (MCP 2026-07-28, transports; RF-50).
 */
export function createOriginCheck(origins: Origins): (request: IncomingMessage) => HttpRefusal | undefined {
  const refusal = refuse(403, ['origin_rejected', 'This Origin may not call here.'], {
    nextAction: 'The operator lists allowed origins in MCP_ALLOWED_ORIGINS.',
  });
  return ({ headers }) => {
    if (headers.origin === undefined) return undefined;
    return origins.has(oneValue(headers.origin) ?? '') ? undefined : refusal;
  };
}
