import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Principal } from '@inferry/contracts';
import { errorText, isRefusal, type RequestId } from '@inferry/mcp';
import { type AddressRanges, clientAddress } from '@inferry/runtime';
import type { Authenticate } from '../edge/authenticate.ts';
import type { Cors } from '../edge/cors.ts';
import type { ProbeGate } from '../edge/probe-gate.ts';
import type { Windows } from '../edge/windows.ts';
import { type HttpRefusal, refuse } from '../http-refusal.ts';
import type { Telemetry } from '../telemetry.ts';
import { type Admitted, type Answerable, endBeforeBody, isUnread, writeJson } from './answers.ts';

export type Check = (request: IncomingMessage) => HttpRefusal | undefined;

export interface EdgeParts {
  /** What every request must pass, in order. */
  doorChecks: readonly Check[];
  /** What a POST must pass after that; neither needs more than its head. */
  bodyChecks: readonly Check[];
  cors: Cors;
  authenticate: Authenticate;
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
    const outcome = await pending;
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
      const outcome = authenticate(request);
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
