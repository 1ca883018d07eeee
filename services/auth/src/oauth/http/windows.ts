import type { Limits, WindowHit } from '@inferry/limits';
import type { FastifyReply } from 'fastify';
import { sendError } from './oauth-reply.ts';

/** Counts hits on shared windows; answers 429 and is false when one is full. */
export async function passWindows(
  limits: Limits,
  hits: readonly WindowHit[],
  reply: FastifyReply,
): Promise<boolean> {
  const verdicts = await limits.hitAll(hits);
  const refused = verdicts.filter(({ isAllowed }) => !isAllowed);
  if (refused.length === 0) return true;
  const seconds = Math.ceil(Math.max(...refused.map(({ retryAfterMs }) => retryAfterMs)) / 1_000);
  reply.header('retry-after', String(Math.max(1, seconds)));
  sendError(reply, 429, {
    code: 'temporarily_unavailable',
    message: `There were too many requests of this kind. Try again in ${seconds} seconds.`,
  });
  return false;
}
