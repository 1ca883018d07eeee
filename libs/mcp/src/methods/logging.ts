/** Log lines for clients: the level that they ask for, and what services say. */
import type { LogEntry } from '@inferry/bus';
import type { Exchange, Method } from '../exchange.ts';
import { notificationText } from '../json-rpc.ts';
import { refuseParams } from '../refusal.ts';
import type { LoggingMessageParams } from '../wire.ts';

const levels: readonly LoggingMessageParams['level'][] = [
  'debug',
  'info',
  'notice',
  'warning',
  'error',
  'critical',
  'alert',
  'emergency',
];
const levelKey = 'io.modelcontextprotocol/logLevel';

const known: readonly unknown[] = levels;
const placeOf = (level: unknown): number => known.indexOf(level);

/** Accepted and not kept: requests of the legacy era may go to any replica, and log lines are rare (MCP 2025-11-25). */
export const setLogLevel: Method = ({ request }) =>
  placeOf(request.params.level) >= 0
    ? '{}'
    : refuseParams(['validation_failed', `params.level must be one of ${levels.join(', ')}.`]);

/**
 * Passes what a service logs on to the client: in the modern era at the level that the request asks for and never
 * without one, in the legacy era from `info` on.
 */
export function logLines({ era, request, channel }: Exchange): ((entry: LogEntry) => void) | undefined {
  const lowest = placeOf(era === 'modern' ? request.meta[levelKey] : 'info');
  if (lowest < 0 || !channel.canStream) return undefined;
  return ({ level: said, message }) => {
    const level = levels[placeOf(said)];
    if (level === undefined || placeOf(level) < lowest) return;
    channel.open();
    const params: LoggingMessageParams = { level, data: message };
    channel.notify(notificationText('notifications/message', { ...params }));
  };
}
