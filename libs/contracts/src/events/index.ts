import { z } from 'zod';
import { defineEvent, type EventContract } from '../operation.ts';
import { SealedText } from '../rpc/credentials.ts';
import { RunStatus } from '../shapes/run.ts';

const runFields = {
  run_id: z.string(),
  subject: z.string(),
  /** Grows with each change of the row: an older event than the last one read is ignored. */
  version: z.int(),
  status: RunStatus,
};

/** A run changed and goes on. */
export const runProgressed = defineEvent({
  subject: 'events.v1.run.progressed',
  payload: z.object({
    ...runFields,
    progress: z.number().optional(),
    queue_position: z.int().optional(),
    note: z.string().optional(),
  }),
});

/** A run reached a terminal status. */
export const runFinished = defineEvent({
  subject: 'events.v1.run.finished',
  payload: z.object({
    ...runFields,
    model: z.string(),
    provider: z.string(),
    /** Since it was sent. */
    duration_ms: z.number().optional(),
    /** Somebody is told of it by webhook. */
    has_webhook: z.boolean().optional(),
  }),
});

/** Work is due now: pollers need not wait for their next tick. */
export const runQueued = defineEvent({
  subject: 'events.v1.run.queued',
  payload: z.object({
    run_id: z.string(),
    provider: z.string(),
    /** It is under way, and something happened at its provider: whoever holds it asks again. */
    is_told: z.boolean().optional(),
    /** The replica that queued it, and that looks for it first. */
    by: z.string().optional(),
  }),
});

/** Somebody wants a run stopped; the poller that holds its lease acts. */
export const runCancelRequested = defineEvent({
  subject: 'events.v1.run.cancel_requested',
  payload: z.object({ run_id: z.string() }),
});

/** A provider's snapshot changed. */
export const catalogChanged = defineEvent({
  subject: 'events.v1.catalog.changed',
  payload: z.object({ provider: z.string(), version: z.int() }),
});

/** A wrapper was made, changed or deleted: whoever keeps what its owner has reads it again. */
export const wrapperChanged = defineEvent({
  subject: 'events.v1.wrapper.changed',
  payload: z.object({ subject: z.string(), wrapper_id: z.string() }),
});

/** An API key or grant was revoked. */
export const grantRevoked = defineEvent({
  subject: 'events.v1.grant.revoked',
  payload: z.object({ seq: z.int(), grant_id: z.string() }),
});

/** The signing keys changed: verifiers read them again. */
export const jwksChanged = defineEvent({ subject: 'events.v1.auth.jwks_changed', payload: z.object({}) });

/** A connection was added, replaced, found dead or removed: nobody may go on with a kept key of it. */
export const connectionChanged = defineEvent({
  subject: 'events.v1.auth.connection_changed',
  payload: z.object({ connection_id: z.string(), provider: z.string() }),
});

/** A caller came with a key of their own, where such keys are never stored: every replica of the vault holds it. */
export const passthroughSeen = defineEvent({
  subject: 'events.v1.auth.passthrough_seen',
  payload: z.object({ provider: z.string().max(64), sealed: SealedText }),
});

/** A client cancelled a call that any gateway replica may hold (MCP `notifications/cancelled`). */
export const callCancelled = defineEvent({
  subject: 'events.v1.call.cancelled',
  payload: z.object({
    subject: z.string(),
    session: z.string(),
    request_id: z.union([z.string(), z.number()]),
  }),
});

/** A client's answer to a request that any gateway replica may have sent; without a result it refused. */
export const clientAnswered = defineEvent({
  subject: 'events.v1.client.answered',
  payload: z.object({
    subject: z.string(),
    session: z.string(),
    id: z.string(),
    result: z.record(z.string(), z.unknown()).optional(),
  }),
});

/** What a service offers to MCP clients is not what it was: lists that were read before are out of date. */
export const surfaceChanged = defineEvent({
  subject: 'events.v1.surface.changed',
  payload: z.object({
    service: z.string(),
    lists: z.array(z.enum(['tools', 'prompts', 'resources'])),
    /** As `describe_surface` tells it: replicas that announce the same change announce it once. */
    version: z.string().optional(),
  }),
});

/** A resource has other contents now. */
export const resourceUpdated = defineEvent({
  subject: 'events.v1.resource.updated',
  /** Without a subject, everybody may know. */
  payload: z.object({ uri: z.string(), subject: z.string().optional() }),
});

export const events: readonly EventContract[] = [
  runProgressed,
  runFinished,
  runQueued,
  runCancelRequested,
  catalogChanged,
  wrapperChanged,
  grantRevoked,
  jwksChanged,
  connectionChanged,
  passthroughSeen,
  callCancelled,
  clientAnswered,
  surfaceChanged,
  resourceUpdated,
];
