/** What a client hears while its call goes on: progress, and log lines from the level that it asks for. */
import type { LogEntry, Progress } from '@inferry/bus';
import type { JsonObject } from '@inferry/contracts';
import { toEventId } from './client/resumptions.ts';
import type { Channel, Exchange, Method } from './exchange.ts';
import { isRequestId, notificationText, type ProgressToken, refuseParams } from './json-rpc.ts';
import type { LoggingMessageParams } from './wire.ts';

export function readProgressToken(meta: JsonObject): ProgressToken | undefined {
  const { progressToken } = meta;
  return typeof progressToken === 'string' || isRequestId(progressToken) ? progressToken : undefined;
}

export interface ProgressReporter {
  report(step: Progress): void;
  /** Says something for a call that has nothing new to say, so that the client's clock starts again. */
  repeat(): void;
  /** From now on each event has an id from which the stream can go on elsewhere. */
  resumable(name: string): void;
}

/** How much of what is left a repetition takes: after ten minutes of silence it shows 4 %. */
const creep = 0.001;

/** A call's steps as `notifications/progress`: the value grows strictly, whatever the steps do (MCP, progress). */
export function createProgressReporter(
  progressToken: ProgressToken,
  channel: Channel,
  { shown = -1, hasMessages = true }: { shown?: number | undefined; hasMessages?: boolean } = {},
): ProgressReporter {
  let message: string | undefined;
  let eventName: string | undefined;
  // A stream has many of these: only what changes is written anew.
  const head = `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":${JSON.stringify(progressToken)},"progress":`;

  function say(progress: number): void {
    shown = progress > shown ? progress : shown + (1 - shown) * creep;
    const said = message === undefined || !hasMessages ? '' : `,"message":${JSON.stringify(message)}`;
    const eventId = eventName === undefined ? undefined : toEventId(eventName, shown);
    channel.notify(`${head}${shown},"total":1${said}}}`, eventId);
  }

  return {
    report(step) {
      message = step.message ?? message;
      say(step.progress);
    },
    repeat() {
      message ??= 'Still running.';
      say(0);
    },
    resumable(name) {
      eventName = name;
    },
  };
}

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
