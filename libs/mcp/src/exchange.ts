/** The interface between the protocol and a transport. */
import type { CallLife } from '@inferry/bus';
import type { JsonObject, Principal } from '@inferry/contracts';
import type { McpNotification, McpRequest, ProgressToken, Refusal, RequestId } from './json-rpc.ts';
import type { Offer } from './offer.ts';
import type { ToolView } from './selection.ts';
import type { Era } from './versions.ts';

/**
 * Why an answer is not wanted any more: the client went away or cancelled, this process ends and hands the wait back
 * to the client, or the credential was revoked meanwhile.
 */
export type StopReason = 'gone' | 'cancelled' | 'handed_over' | 'revoked';

/** How one request is answered: by one JSON object, or by a stream of notifications that ends with the response. */
export interface Channel {
  /** False when the client did not say that it takes a stream, or when several requests share the answer. */
  readonly canStream: boolean;
  /** Ends the calls that are made for this answer, or asks for what they have when this process is about to end. */
  readonly life: CallLife;
  /** Why the answer is not wanted any more. */
  readonly stopReason: StopReason | undefined;
  /** Aborted with a `StopReason`; made for whoever cannot take `life`. */
  readonly signal: AbortSignal;
  stop(reason: StopReason): void;
  /** Starts the stream now, so that every proxy on the way sees bytes. */
  open(): void;
  /** Announces a long wait: the stream starts by itself before anybody on the way loses patience. */
  expectWait(): void;
  /**
   * Sends a notification if the stream is open and the client reads; never queues without a bound. False when it
   * was dropped. With an id, a client whose connection breaks can ask for the rest of the stream.
   */
  notify(text: string, eventId?: string): boolean;
  /** Sends an id alone, at once or when the stream opens, for streams that say nothing else before their end. */
  prime(eventId: string): void;
  /** Told when nothing was sent for a while, to say something; otherwise a comment keeps the stream alive. */
  onIdle(speak: () => void): void;
}

/** Who sent a message. */
export interface Sender {
  principal: Principal;
  /** What, with the subject, a cancellation must share with the call that it ends. */
  session: string;
}

/** One request with everything that answering it needs. */
export interface Exchange extends Sender {
  era: Era;
  version: string;
  /** Nobody said that it is this version. */
  isAssumed?: true | undefined;
  request: McpRequest;
  /** What the mount is that it came to. */
  offer: Offer;
  view: ToolView;
  /** The client's name as it calls itself; only for how long it waits. */
  clientName: string;
  /** The version that it told of itself, where the transport says nothing of who calls. */
  clientVersion?: string | undefined;
  /** Where the trace context is: the HTTP headers or the request's `_meta` (SEP-414). */
  traceCarrier: JsonObject;
  channel: Channel;
  /** MCP `ClientCapabilities`: of the request in the modern era, of the session in the legacy one. */
  capabilities: JsonObject;
  /** A header of the HTTP request, by its name in lower case; absent where the transport has no headers. */
  header?: ((name: string) => string | undefined) | undefined;
  /** The caller's asset with the file that was taken out of the arguments (`CallOptions.attachment`). */
  attachment?: string | undefined;
  /** How long whoever let the request in has held it: its credential was checked, it was counted. */
  heldMs?: number | undefined;
  /** The call that this one goes on with, where the stream of the first answer broke. */
  resumed?: ResumedCall | undefined;
}

/** The JSON text of a result, why there is none, or undefined: the request was cancelled and gets no answer. */
export type Reply = string | Refusal | undefined;

/** Answers one method in one era. */
export type Method = (exchange: Exchange) => Reply | Promise<Reply>;

/** Takes note of a notification; there is no answer. */
export type Listener = (notification: McpNotification, from: Sender) => void;

/** A call whose answer may be fetched by another connection, on any replica. */
export interface ResumableCall {
  requestId: RequestId;
  progressToken?: ProgressToken | undefined;
  /** MCP protocol version of the call. */
  version: string;
  isAssumed?: true | undefined;
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
