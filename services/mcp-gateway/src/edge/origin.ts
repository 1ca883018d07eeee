import type { IncomingMessage } from 'node:http';
import { type Refusal, refuse } from '../refusal.ts';

const loopbackOrigin = /^https?:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?$/;

/**
 * Only browsers send an Origin: a page of another site must not reach this server with what the browser can reach
 * (MCP 2026-07-28, transports; RF-50).
 */
export function createOriginCheck(
  allowed: ReadonlySet<string> | undefined,
): (request: IncomingMessage) => Refusal | undefined {
  const refusal = refuse(403, ['origin_rejected', 'This Origin may not call here.'], {
    nextAction: 'The operator lists allowed origins in MCP_ALLOWED_ORIGINS.',
  });
  return ({ headers }) => {
    if (headers.origin === undefined) return undefined;
    const origin = headers.origin.toLowerCase();
    const isAllowed = allowed === undefined ? loopbackOrigin.test(origin) : allowed.has(origin);
    return isAllowed ? undefined : refusal;
  };
}
