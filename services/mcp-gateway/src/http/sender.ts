import type { IncomingMessage } from 'node:http';
import type { JsonObject, Principal } from '@inferry/contracts';
import type { Sessions } from '../mcp/client/sessions.ts';
import type { Sender } from '../mcp/exchange.ts';
import type { McpMessage } from '../mcp/json-rpc.ts';
import type { Era } from '../mcp/versions.ts';
import { type Refusal, refuse } from '../refusal.ts';

/** A sender with what its session tells about it. */
export interface KnownSender extends Sender {
  /** What it declared at the start; empty when it has no session. */
  capabilities: JsonObject;
  clientName: string | undefined;
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
): KnownSender | Refusal {
  const token = request.headers['mcp-session-id'];
  const begins = message?.kind === 'request' && message.method === 'initialize';
  if (typeof token !== 'string' || era === 'modern' || begins) {
    return { principal, session: principal.grant_id, capabilities: none, clientName: undefined };
  }
  const session = sessions.verify(token, principal);
  if (session === undefined) return sessionOver;
  const { id, capabilities, clientName } = session;
  return { principal, session: id, capabilities, clientName };
}
