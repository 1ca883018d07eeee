import type { LogEntry } from '@inferry/bus';
import type { Exchange } from '../exchange.ts';
import { notificationText } from '../json-rpc.ts';

const levels = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency'];
const levelKey = 'io.modelcontextprotocol/logLevel';

/**
 * Passes what a service logs on to the client: in the modern era at the level that the request asks for and never
 * without one, in the legacy era from `info` on.
 */
export function logLines({ era, request, channel }: Exchange): ((entry: LogEntry) => void) | undefined {
  const asked = era === 'modern' ? request.meta[levelKey] : 'info';
  const lowest = typeof asked === 'string' ? levels.indexOf(asked) : -1;
  if (lowest < 0 || !channel.canStream) return undefined;
  return ({ level, message }) => {
    if (levels.indexOf(level) < lowest) return;
    channel.open();
    channel.notify(notificationText('notifications/message', { level, data: message }));
  };
}
