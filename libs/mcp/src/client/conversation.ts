import { randomBytes } from 'node:crypto';
import type { Bus } from '@inferry/bus';
import { Secret } from '@inferry/contracts';
import { ClientRequests } from './client-requests.ts';
import { createRequestStates } from './request-states.ts';
import { createResumptions, type Resumptions } from './resumptions.ts';
import { createRounds, type RunRounds } from './rounds.ts';
import { createSessions, type Sessions } from './sessions.ts';

/** What is needed to know clients and to ask them something, with nothing stored. */
export interface Conversation {
  sessions: Sessions;
  clientRequests: ClientRequests;
  rounds: RunRounds;
  resumptions: Resumptions;
}

/** `secret` signs what clients hold for all replicas; a process that has none is the only one. */
export function startConversation(
  bus: Bus,
  { secret, now }: { secret: Secret | undefined; now?: (() => number) | undefined },
): Conversation {
  const key = secret ?? new Secret(randomBytes(32).toString('base64url'));
  const clientRequests = new ClientRequests(bus, { replica: randomBytes(6).toString('base64url') });
  const requestStates = createRequestStates(key, now);
  return {
    sessions: createSessions({ key, now }),
    clientRequests,
    resumptions: createResumptions(key, now),
    rounds: createRounds({ clientRequests, requestStates }),
  };
}
