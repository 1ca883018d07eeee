import type { FailureKind } from './failure-kind.ts';

/** A state of an emulated job, in our words; the platform's emulator says it in its own. */
export type JobState = 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled' | 'expired' | 'unknown';

/** Why a job fails, for the emulator to say in its platform's words. */
export interface JobFailure {
  kind: 'generate' | 'content' | 'validation' | 'credits';
  message: string;
}

/** What a route is for, so that a scenario can disturb the right one. */
export type RouteKind =
  | 'submit'
  | 'status'
  | 'result'
  | 'cancel'
  | 'catalog'
  | 'describe'
  | 'upload'
  | 'probe'
  | 'balance'
  | 'file'
  | 'other';

/**
 * What goes otherwise than by the book. One scenario holds for the next job, and for every call of the kinds in `on`
 * until it is replaced (`emulator.script({})`).
 */
export interface Scenario {
  /** One per status call; the last one stays. Default `queued, running, succeeded`. */
  states?: readonly JobState[];
  failWith?: JobFailure;
  /** Default 1. */
  outputs?: number;
  /** Of these outputs, the last ones that fail. */
  failedOutputs?: number;
  /** Size of each output file. */
  outputBytes?: number;
  /** Which calls the following hit. Default: `submit`. */
  on?: readonly RouteKind[];
  delayMs?: number;
  /** Takes the call and closes the connection before the reply. */
  dropReplyAfterAccept?: boolean;
  /** Closes the connection before it takes the call. */
  dropBeforeAccept?: boolean;
  /** Never answers. */
  silent?: boolean;
  /** Every call is refused like this. */
  refuse?: FailureKind;
  /** The first so many calls are answered with 429. */
  rate429?: number;
  /** What those say about when to come back. */
  retryAfterSeconds?: number;
  /** The first so many calls fail with this status (default 503), before they are taken. */
  failFirst?: { times: number; status?: number };
  /**
   * `types`: JSON of another shape. `redirect`: to another host. `size`: a reply without an end. `key_url`: addresses in
   * replies are a stranger's. `quote_key`: an error that repeats the key.
   */
  hostile?: 'types' | 'redirect' | 'size' | 'key_url' | 'quote_key';
  /** Webhooks of the job are sent twice. */
  duplicateWebhook?: boolean;
}
