import type { Secret } from '@inferry/contracts';
import type { ResumableCall, ResumedCall, Sender } from '../exchange.ts';
import { createSignedText } from './signed-text.ts';

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
