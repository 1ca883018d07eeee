import { isUtf8 } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { AppError, localPrincipal, type Principal } from '@inferry/contracts';
import { errorText, isRefusal, type RequestId, rpcCodes } from '@inferry/mcp';
import { type AddressRanges, clientAddress, type PaceOptions, slowestPace } from '@inferry/runtime';
import type { Authenticate } from '../edge/authenticate.ts';
import type { Cors } from '../edge/cors.ts';
import type { ProbeGate } from '../edge/probe-gate.ts';
import type { Windows } from '../edge/windows.ts';
import { type HttpRefusal, refuse, refuseUnavailable } from '../http-refusal.ts';
import type { Telemetry } from '../telemetry.ts';
import {
  type Admitted,
  type Answerable,
  endBeforeBody,
  isUnread,
  type Post,
  writeJson,
} from './http-channel.ts';
import type { InlineUploads } from './inline/inline-uploads.ts';
import { GoneBody, LateBody } from './inline/pieces.ts';
import type { McpEndpoint } from './mcp-endpoint.ts';

export type Check = (request: IncomingMessage) => HttpRefusal | undefined;

export interface EdgeParts {
  /** What every request must pass, in order. */
  doorChecks: readonly Check[];
  /** What a POST must pass after that; neither needs more than its head. */
  bodyChecks: readonly Check[];
  cors: Cors;
  /** Undefined: every request is the one local user's. */
  authenticate: Authenticate | undefined;
  windows: Windows;
  /** Counts the failures of keys that it lets through to their platforms. */
  probes?: Pick<ProbeGate, 'chargeOf'> | undefined;
  trustedProxies: AddressRanges;
  telemetry: Telemetry;
  /** What a request announces beyond this is not read after a refusal. */
  maxBodyBytes: number;
  lingerMs: number;
  onError(error: unknown): void;
}

const failed = refuse(500, ['internal', 'Something went wrong here. Try again; if it repeats, report it.']);

/** Everything between a socket and the protocol; each refusal ends here, before the body is read. */
export interface Edge {
  /** Lets the pages of allowed origins read the answer; why the request ends here, if it does. */
  greet(request: IncomingMessage, response: ServerResponse): HttpRefusal | undefined;
  /** Answers a browser's preflight; false when the request is none. */
  answerPreflight(request: IncomingMessage, response: ServerResponse): boolean;
  /** Calls `admit` with the request and whom it is for, or answers it. */
  pass(request: IncomingMessage, response: ServerResponse, admit: (admitted: Admitted) => void): void;
  /** Counts what a batch asks for beyond the one request that it came as. */
  charge(post: Admitted, requests: number): Promise<HttpRefusal | undefined>;
  /** The refusal of an admitted request, or a harder one when its address collects them. */
  weigh(request: IncomingMessage, principal: Principal, refusal: HttpRefusal): Promise<HttpRefusal>;
  send(to: Answerable, refusal: HttpRefusal, id?: RequestId): void;
}

export function createEdge(parts: EdgeParts): Edge {
  const { doorChecks, bodyChecks, authenticate, windows, telemetry, cors } = parts;

  const addressOf = (request: IncomingMessage) => clientAddress(request, parts.trustedProxies);

  function send({ response, headers }: Answerable, refusal: HttpRefusal, id?: RequestId): void {
    telemetry.refused(refusal);
    if (response.destroyed) return;
    const answer = { status: refusal.status, headers: { ...headers, ...refusal.headers } };
    if (isUnread(response.req, parts.maxBodyBytes)) {
      endBeforeBody(response, errorText(id, refusal), { ...answer, lingerMs: parts.lingerMs });
    } else writeJson(response, errorText(id, refusal), answer);
  }

  async function settle(
    request: IncomingMessage,
    response: ServerResponse,
    pending: Principal | HttpRefusal | Promise<Principal | HttpRefusal>,
  ): Promise<Admitted | undefined> {
    const arrivedAt = performance.now();
    const outcome = pending instanceof Promise ? await pending : pending;
    if (isRefusal(outcome)) {
      const counted = parts.probes?.chargeOf(request);
      const charge =
        outcome.status === 401 && counted === undefined
          ? await windows.chargeFailure('pre_auth', addressOf(request))
          : counted;
      if (isRefusal(charge)) send({ response }, charge);
      else send({ response, headers: charge }, outcome);
      return undefined;
    }
    const charge = await windows.chargeCredential(outcome, 1);
    // Whatever the answer will be, a client sees from it how much it may still ask for.
    const heldMs = performance.now() - arrivedAt;
    if (!isRefusal(charge)) return { request, response, principal: outcome, headers: charge, heldMs };
    send({ response }, charge);
    return undefined;
  }

  function greet(request: IncomingMessage, response: ServerResponse): HttpRefusal | undefined {
    if (request.headers.origin !== undefined) cors.show(request, response);
    return firstOf(doorChecks, request);
  }

  return {
    greet,
    answerPreflight: cors.answerPreflight,
    pass(request, response, admit) {
      const refusal = greet(request, response);
      if (refusal !== undefined) return send({ response }, refusal);
      const outcome = authenticate === undefined ? localPrincipal : authenticate(request);
      // Whoever can sign in learns where before anything is said of what they sent.
      const refused = isChallenge(outcome) ? undefined : refuseBody(request, bodyChecks);
      if (refused !== undefined) {
        if (outcome instanceof Promise) outcome.catch(parts.onError);
        return send({ response }, refused);
      }
      // Nothing to wait for: the one user of a loopback system has no window.
      if ('kind' in outcome && outcome.kind === 'local')
        return admit({ request, response, principal: outcome });
      const fail = (to: Answerable, error: unknown) => {
        parts.onError(error);
        send(to, failed);
      };
      settle(request, response, outcome).then(
        (post) => {
          if (post === undefined) return;
          try {
            admit(post);
          } catch (error) {
            fail(post, error);
          }
        },
        (error: unknown) => fail({ response }, error),
      );
    },
    async charge(post, requests) {
      const charge = await windows.chargeCredential(post.principal, requests);
      if (isRefusal(charge)) return charge;
      post.headers = charge;
      return undefined;
    },
    async weigh(request, principal, refusal) {
      const isFailure = refusal.status >= 400 && refusal.status !== 429 && refusal.status !== 503;
      if (!isFailure || principal.kind === 'local') return refusal;
      const charge = await windows.chargeFailure('post_auth', addressOf(request));
      return isRefusal(charge) ? charge : refusal;
    },
    send,
  };
}

function isChallenge(outcome: Principal | HttpRefusal | Promise<Principal | HttpRefusal>): boolean {
  const challenge = 'isRefusal' in outcome ? outcome.headers?.['www-authenticate'] : undefined;
  return challenge?.includes('resource_metadata') === true;
}

/** A GET has no body. */
function refuseBody(request: IncomingMessage, checks: readonly Check[]): HttpRefusal | undefined {
  return request.method === 'GET' ? undefined : firstOf(checks, request);
}

function firstOf(checks: readonly Check[], request: IncomingMessage): HttpRefusal | undefined {
  for (const check of checks) {
    const refusal = check(request);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

interface ReceiverParts {
  edge: Edge;
  endpoint: McpEndpoint;
  uploads: InlineUploads;
  maxBodyBytes: number;
  timings: BodyTimings;
  onError(error: unknown): void;
}

/** Takes an admitted POST, whose body has not been read. */
export type Receiver = (post: Post) => void;

const lateBody = refuse(408, ['deadline_exceeded', 'The body came too slowly.'], {
  headers: { connection: 'close' },
});
const notUtf8 = refuse(400, ['parse_error', 'The body is not valid UTF-8.'], { rpcCode: rpcCodes.parse });
const failedBody = refuse(
  500,
  ['internal', 'Something went wrong here. Try again; if it repeats, report it.'],
  {
    headers: { connection: 'close' },
  },
);

/** Reads bodies: those of calls whole, those with a file past memory. */
export function createReceiver(parts: ReceiverParts): Receiver {
  const { edge, endpoint, uploads, timings } = parts;
  const limits = { maxBytes: parts.maxBodyBytes, timeoutMs: timings.wholeMs };

  function takeWhole(post: Post, bytes: Buffer, attachment?: string): void {
    if (isUtf8(bytes)) endpoint.post(post, withoutMark(bytes).toString(), attachment);
    else endpoint.refuse(post, notUtf8);
  }

  async function takeLarge(post: Post, read: Buffer[]): Promise<void> {
    const view = endpoint.view(post);
    if (isRefusal(view)) return endpoint.refuse(post, view);
    const { request, principal } = post;
    const outcome = await uploads.take({ request, principal, view, read });
    if (isRefusal(outcome)) endpoint.refuse(post, outcome);
    else takeWhole(post, outcome.body, outcome.assetId);
  }

  function refuseLarge(post: Post, error: unknown): void {
    if (error instanceof GoneBody) return;
    const refusal = toRefusal(error);
    if (refusal === failedBody) parts.onError(error);
    edge.send(post, refusal);
  }

  return (post) => {
    readBody(post.request, limits, (outcome) => {
      if (outcome.kind === 'whole') takeWhole(post, outcome.bytes);
      else if (outcome.kind === 'late') edge.send(post, lateBody);
      else if (outcome.kind === 'large') {
        takeLarge(post, outcome.read).catch((error: unknown) => refuseLarge(post, error));
      }
    });
  };
}

/** Some clients write a byte order mark, which is no part of JSON (RFC 8259, section 8.1). */
function withoutMark(bytes: Buffer): Buffer {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes;
}

function toRefusal(error: unknown): HttpRefusal {
  if (error instanceof LateBody) return lateBody;
  if (!(error instanceof AppError)) return failedBody;
  if (error.code === 'storage_quota_exceeded') {
    return refuse(507, [error.code, error.message], {
      nextAction: error.nextAction ?? 'Let files expire, or store new ones with expires_in.',
      headers: { connection: 'close' },
    });
  }
  const refusal = refuseUnavailable(error.message);
  return { ...refusal, headers: { ...refusal.headers, connection: 'close' } };
}

/** How long the parts of a request's body may take. */
export interface BodyTimings {
  /** A body that is held in memory. */
  wholeMs: number;
  /** The longest silence inside a file. */
  silenceMs: number;
  /** The slowest that a file may come. */
  pace: PaceOptions;
  /** A body with a file. */
  fileMs: number;
  /** How long a refused sender may go on before its connection is cut, so that it can read why. */
  lingerMs: number;
}

export const defaultBodyTimings: BodyTimings = {
  wholeMs: 30_000,
  silenceMs: 30_000,
  pace: slowestPace,
  fileMs: 900_000,
  lingerMs: 2_000,
};

type BodyOutcome =
  | { kind: 'whole'; bytes: Buffer }
  /** More than may be held; the request is paused and `read` is what has come of it. */
  | { kind: 'large'; read: Buffer[] }
  | { kind: 'late' }
  /** The sender is gone: there is nobody to answer. */
  | { kind: 'gone' };

/** Reads a body of at most `maxBytes`. Every request passes here, so it makes no promise and no stream. */
function readBody(
  request: IncomingMessage,
  { maxBytes, timeoutMs }: { maxBytes: number; timeoutMs: number },
  done: (outcome: BodyOutcome) => void,
): void {
  const announced = request.headers['content-length'];
  // What announces that it is large is looked at from its first bytes on.
  if (announced !== undefined && Number(announced) > maxBytes) return done({ kind: 'large', read: [] });
  // All of it came while the sender's credential was looked at, which is so for almost every call.
  if (isThere(request, maxBytes)) return done(takeThere(request));
  // What came with the head is handed over by the parser before the next tick.
  process.nextTick(() => {
    if (isThere(request, maxBytes)) done(takeThere(request));
    else follow(request, { maxBytes, timeoutMs }, done);
  });
}

function isThere(request: IncomingMessage, maxBytes: number): boolean {
  const { complete, readableLength: length, headers } = request;
  return length <= maxBytes && (complete || (length > 0 && length === Number(headers['content-length'])));
}

function takeThere(request: IncomingMessage): BodyOutcome {
  const bytes: Buffer | null = request.read();
  // To its end, after which nothing holds it.
  if (!request.complete) request.resume();
  return { kind: 'whole', bytes: bytes ?? Buffer.alloc(0) };
}

/** Takes a body that is still coming. */
function follow(
  request: IncomingMessage,
  { maxBytes, timeoutMs }: { maxBytes: number; timeoutMs: number },
  done: (outcome: BodyOutcome) => void,
): void {
  if (request.destroyed) return done({ kind: 'gone' });
  const read: Buffer[] = [];
  let sizeBytes = 0;
  const timer = setTimeout(() => {
    request.pause();
    settle({ kind: 'late' });
  }, timeoutMs);

  function settle(outcome: BodyOutcome): void {
    clearTimeout(timer);
    request.off('data', onData).off('end', onEnd).off('close', onGone).off('error', onGone);
    done(outcome);
  }
  function onData(chunk: Buffer): void {
    read.push(chunk);
    sizeBytes += chunk.length;
    if (sizeBytes <= maxBytes) return;
    request.pause();
    settle({ kind: 'large', read });
  }
  function onEnd(): void {
    const [first = Buffer.alloc(0)] = read;
    settle({ kind: 'whole', bytes: read.length === 1 ? first : Buffer.concat(read) });
  }
  function onGone(): void {
    settle({ kind: 'gone' });
  }
  request.on('data', onData).on('end', onEnd).on('close', onGone).on('error', onGone);
}
