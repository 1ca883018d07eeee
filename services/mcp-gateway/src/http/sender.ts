import type { IncomingMessage } from 'node:http';
import type { JsonObject, Principal } from '@inferry/contracts';
import type { Era, Exchange, McpMessage, Sender, Sessions, Spoken } from '@inferry/mcp';
import { oneValue } from '../edge/one-value.ts';
import { type HttpRefusal, refuse } from '../http-refusal.ts';

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
