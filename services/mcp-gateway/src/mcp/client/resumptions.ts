import type { JsonObject, Secret } from '@inferry/contracts';
import type { Sender } from '../exchange.ts';
import type { RequestId } from '../json-rpc.ts';
import type { ProgressToken } from '../progress.ts';
import { createSignedText } from './signed-text.ts';

/** A call whose answer may be fetched by another connection, on any replica. */
export interface ResumableCall {
  requestId: RequestId;
  progressToken?: ProgressToken | undefined;
  /** MCP protocol version of the call. */
  version: string;
  tool: string;
  /** What its tool's `continuation` is called with. */
  args: JsonObject;
  /** Epoch ms. */
  startedAt: number;
}

/** A call that goes on, and how much of it its client was shown. */
export interface ResumedCall extends ResumableCall {
  /** The last value of its progress, 0 to 1; -1 before the first. */
  shown: number;
}

/**
 * Ids of events from which a stream that broke goes on (MCP 2025-11-25, transports, resumability): the call itself,
 * signed, so that nothing has to be kept and every replica can answer it.
 */
export interface Resumptions {
  /** What the ids of a call's events begin with. */
  name(call: ResumableCall, from: Sender): string;
  /** Undefined when it is not ours, too old, or somebody else's. */
  read(eventId: string, from: Sender): ResumedCall | undefined;
}

interface Named extends ResumableCall {
  subject: string;
  session: string;
}

/** Longer than any wait; later, `get_run` answers. */
const lifeMs = 3_600_000;

export function createResumptions(key: Secret, now: () => number = Date.now): Resumptions {
  const signed = createSignedText(key, 'resumption');
  return {
    name(call, { principal: { subject }, session }) {
      return signed.sign({ ...call, subject, session } satisfies Named);
    },
    read(eventId, { principal, session }) {
      const cut = eventId.lastIndexOf('~');
      const value = signed.verify(cut === -1 ? eventId : eventId.slice(0, cut));
      if (value === undefined) return undefined;
      // as: signed by `name`, which writes nothing else.
      const { subject, session: owner, ...call } = value as unknown as Named;
      if (subject !== principal.subject || owner !== session || call.startedAt + lifeMs < now())
        return undefined;
      return { ...call, shown: cut === -1 ? -1 : toShown(eventId.slice(cut + 1)) };
    },
  };
}

/** The id of an event that shows this progress. */
export function toEventId(name: string, shown: number): string {
  return `${name}~${shown}`;
}

/** It is not signed: a client that lies about it lies to itself. */
function toShown(text: string): number {
  const value = Number(text);
  return value >= 0 && value <= 1 ? value : -1;
}
