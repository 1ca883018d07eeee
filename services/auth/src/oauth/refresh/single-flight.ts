import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '@inferry/contracts';
import type { Database } from '@inferry/database';
import { answerRefresh, claimRefresh, dropRefresh } from '@inferry/database/oauth';
import { deriveKey } from '@inferry/seals';
import { z } from 'zod';
import type { EngineReply } from '../engine/inject.ts';
import { clientIdOf } from '../http/client-id.ts';
import { openWith, sealWith } from '../signing/key-sealer.ts';

export interface RefreshRequest {
  form: URLSearchParams;
  authorization: string | undefined;
}

/** Answers a refresh once, however many replicas are asked for the same one, and repeats that answer for a while. */
export type SingleFlight = (
  request: RefreshRequest,
  ask: (isTakeover: boolean) => Promise<EngineReply>,
) => Promise<EngineReply>;

export interface SingleFlightDeps {
  database: Database;
  graceSeconds: number;
  now(): number;
}

/** Whoever answers has this long; then it counts as dead and another takes over. */
const lockMs = 10_000;
const deadlineMs = 20_000;
const firstDelayMs = 10;
const longestDelayMs = 200;

/**
 * Clients refresh twice at once all the time, and lose answers. A second use of a refresh token is a sign of theft, so
 * within the grace it gets the very answer of the first instead: sealed with a key that only the token gives, since
 * the table must not.
 */
export function createSingleFlight(deps: SingleFlightDeps): SingleFlight {
  return async (request, ask) => {
    const token = request.form.get('refresh_token') ?? '';
    // A signed assertion is good once, so two such requests are never the same one.
    if (token === '' || request.form.has('client_assertion')) return ask(false);
    const flight: Flight = { ...deps, ask, token, requestId: requestIdOf(request), owner: randomUUID() };
    const endsAt = Date.now() + deadlineMs;
    for (let delayMs = firstDelayMs; Date.now() < endsAt; delayMs = Math.min(longestDelayMs, delayMs * 2)) {
      const at = deps.now();
      const turn = await claimRefresh(deps.database.queries, {
        ...flight,
        at,
        lockedUntil: at + lockMs,
        expiresAt: at + deadlineMs,
      });
      if (turn.kind === 'answered') return open(flight, turn.response);
      if (turn.kind !== 'wait') return answer(flight, turn.kind === 'taken_over');
      await sleep(delayMs + Math.random() * delayMs);
    }
    throw new AppError('unavailable', 'The refresh takes too long. Try again.', { retryAfterSeconds: 1 });
  };
}

interface Flight extends SingleFlightDeps {
  requestId: string;
  owner: string;
  token: string;
  ask(isTakeover: boolean): Promise<EngineReply>;
}

async function answer(flight: Flight, isTakeover: boolean): Promise<EngineReply> {
  const { database, requestId, owner, token, graceSeconds, now } = flight;
  const reply = await flight.ask(isTakeover).catch(async (error: unknown) => {
    await dropRefresh(database.queries, { requestId, owner });
    throw error;
  });
  const grantId = reply.status === 200 ? grantOf(reply.body) : undefined;
  if (grantId === undefined || graceSeconds === 0) {
    await dropRefresh(database.queries, { requestId, owner });
    return reply;
  }
  await answerRefresh(database.queries, {
    requestId,
    owner,
    grantId,
    response: sealWith(keyOf(token), Buffer.from(JSON.stringify(reply)), requestId),
    expiresAt: now() + graceSeconds * 1_000,
  });
  return reply;
}

const Reply = z.object({
  status: z.int(),
  headers: z.record(z.string(), z.union([z.string(), z.array(z.string()), z.number()]).optional()),
  body: z.string(),
});

function open({ token, requestId }: Flight, response: string): EngineReply {
  return Reply.parse(JSON.parse(openWith(keyOf(token), response, requestId).toString()));
}

function keyOf(token: string): Buffer {
  return deriveKey(token, 'oauth/refresh-replay');
}

/**
 * One answer for one token and one client, whatever else the repeated request says. What the client proves itself with
 * belongs to it: nobody gets an answer by a token alone that is another's.
 */
function requestIdOf({ form, authorization }: RefreshRequest): string {
  const proof = authorization ?? form.get('client_secret');
  const parts = [form.get('refresh_token'), clientIdOf(form, authorization) ?? null, proof];
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url');
}

const AccessToken = z.object({ gid: z.string() });

function grantOf(body: string): string | undefined {
  const { access_token: token } = z.object({ access_token: z.string() }).parse(JSON.parse(body));
  const [, payload = ''] = token.split('.');
  return AccessToken.safeParse(JSON.parse(Buffer.from(payload, 'base64url').toString())).data?.gid;
}
