/** What MCP clients may be told as it happens (the Events extension): which events there are, and what happened since a cursor. */
import { z } from 'zod';
import { defineRpc } from '../operation.ts';
import { toPortableSchema } from '../portable-schema.ts';
import type { Scope } from '../principal.ts';
import { RunStatus } from '../shapes/run.ts';
import { SealedText } from './credentials.ts';

const ofRun = z.object({ run_id: z.string().max(100).optional().describe('Of this run alone') });
const time = z.string().describe('RFC 3339');

interface ClientEventType {
  description: string;
  scope: Scope;
  input: z.ZodObject;
  payload: z.ZodObject;
}

/** By name, in the order in which clients list them. */
export const clientEvents = {
  'run.progressed': {
    description:
      'A line of the timeline of one of your runs. Without run_id: of runs begun in the last hours.',
    scope: 'runs:read',
    input: ofRun,
    payload: z.object({ run_id: z.string(), status: RunStatus, note: z.string() }),
  },
  'run.finished': {
    description: 'One of your runs ended: how, and of which model.',
    scope: 'runs:read',
    input: ofRun,
    payload: z.object({
      run_id: z.string(),
      status: RunStatus,
      model: z.string(),
      client_ref: z.string().optional(),
    }),
  },
  'catalog.changed': {
    description: 'The list of models of a platform changed. Several changes may be told as one.',
    scope: 'models:read',
    input: z.object({ provider: z.string().max(100).optional().describe('Of this platform alone') }),
    payload: z.object({ provider: z.string(), models: z.int() }),
  },
  'budget.reached': {
    description: 'A budget that holds you has nothing left; told once in each of its periods.',
    scope: 'account:read',
    input: z.object({}),
    payload: z.object({
      scope: z.string(),
      period: z.string(),
      currency: z.string(),
      resets_at: time.optional(),
    }),
  },
} as const satisfies Record<string, ClientEventType>;
export type ClientEventName = keyof typeof clientEvents;

/** As `events/list` tells them. */
export function listedClientEvent(
  name: ClientEventName,
  { hasWebhooks }: { hasWebhooks: boolean },
): Record<string, unknown> {
  const { description, input, payload } = clientEvents[name];
  return {
    name,
    description,
    delivery: ['poll', 'push', ...(hasWebhooks ? ['webhook'] : [])],
    inputSchema: toPortableSchema(input, 'input'),
    payloadSchema: toPortableSchema(payload, 'output'),
  };
}

export const ClientEvent = z.object({
  event_id: z.string(),
  name: z.string(),
  timestamp: time,
  data: z.record(z.string(), z.unknown()),
});
export type ClientEvent = z.infer<typeof ClientEvent>;

/** What happened to the caller since a cursor; without one nothing, and where to go on. Errors: `invalid_cursor`. */
export const readClientEvents = defineRpc({
  subject: 'rpc.v1.inference.read_client_events',
  input: z.object({
    name: z.enum(Object.keys(clientEvents) as [ClientEventName, ...ClientEventName[]]),
    arguments: z.object({ run_id: z.string().optional(), provider: z.string().optional() }),
    cursor: z.string().max(8_000).nullable(),
    /** Nothing older is told. */
    max_age_ms: z.int().min(0).optional(),
    limit: z.int().min(1).max(100),
  }),
  output: z.object({
    events: z.array(ClientEvent),
    cursor: z.string(),
    /** Some may have been passed over. */
    truncated: z.boolean(),
    has_more: z.boolean(),
  }),
});

/** To what the secrets of subscriptions are sealed on their way; nothing where no webhooks are sent. */
export const readEventKey = defineRpc({
  subject: 'rpc.v1.inference.read_event_key',
  input: z.object({}),
  output: z.object({ public_key: z.string().optional() }),
});

/** What the sealed secret of a subscription is for. */
export const eventSecretPurpose = 'secret of an event subscription';

const EventName = z.enum(Object.keys(clientEvents) as [ClientEventName, ...ClientEventName[]]);
const EventArguments = z.object({ run_id: z.string().optional(), provider: z.string().optional() });

/** Why messages do not reach a receiver, as its subscriber is told. */
const callbackFailures = [
  ...(['connection_refused', 'timeout', 'tls_error', 'http_4xx', 'http_5xx', 'challenge_failed'] as const),
] as const;

/**
 * Has events sent to an address of the caller's, once whoever is there has said yes; the same again renews it. Errors:
 * `validation_failed` for an address that is not taken, `invalid_cursor`.
 */
export const subscribeClientEvents = defineRpc({
  subject: 'rpc.v1.inference.subscribe_client_events',
  input: z.object({
    name: EventName,
    arguments: EventArguments,
    url: z.string().max(2_000),
    secret: SealedText,
    cursor: z.string().max(8_000).nullable(),
    max_age_ms: z.int().min(0).optional(),
    /** How long it is wanted for; null: without an end. */
    ttl_ms: z.int().min(0).nullable().optional(),
  }),
  output: z.object({
    subscription: z
      .object({
        id: z.string(),
        refresh_before: z.string(),
        cursor: z.string(),
        truncated: z.boolean(),
        /** Of one that there was before. */
        last_delivery_at: z.string().optional(),
        last_error: z.enum(callbackFailures).optional(),
        failed_since: z.string().optional(),
        is_renewed: z.boolean(),
      })
      .optional(),
    /** Why there is none. */
    refusal: z
      .discriminatedUnion('kind', [
        z.object({ kind: z.literal('unreachable'), reason: z.enum(callbackFailures) }),
        z.object({ kind: z.literal('exhausted'), limit: z.string(), max: z.int() }),
        z.object({ kind: z.literal('not_offered') }),
      ])
      .optional(),
  }),
});

/** Ends it. */
export const unsubscribeClientEvents = defineRpc({
  subject: 'rpc.v1.inference.unsubscribe_client_events',
  input: z.object({ name: EventName, arguments: EventArguments, url: z.string().max(2_000) }),
  output: z.object({ found: z.boolean() }),
});
