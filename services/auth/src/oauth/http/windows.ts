import type { Limits, WindowHit, WindowVerdict } from '@inferry/limits';
import { siteKey } from '@inferry/runtime';
import type { FastifyReply } from 'fastify';
import { sendError } from './oauth-reply.ts';

/** Counts hits on shared windows; answers 429 and is false when one is full. */
export async function passWindows(
  limits: Limits,
  hits: readonly WindowHit[],
  reply: FastifyReply,
): Promise<boolean> {
  const verdicts = await limits.hitAll(hits);
  return passes(
    verdicts.filter(({ isAllowed }) => !isAllowed),
    reply,
  );
}

/** Answers 429 and is false when something was refused. */
export function passes(refused: readonly WindowVerdict[], reply: FastifyReply): boolean {
  if (refused.length === 0) return true;
  const seconds = Math.ceil(Math.max(...refused.map(({ retryAfterMs }) => retryAfterMs)) / 1_000);
  reply.header('retry-after', String(Math.max(1, seconds)));
  sendError(reply, 429, {
    code: 'temporarily_unavailable',
    message: `There were too many requests of this kind. Try again in ${seconds} seconds.`,
  });
  return false;
}

interface StrangerRule {
  name: string;
  perAddress: number;
  inAll: number;
  windowMs: number;
}

/** How many addresses' worth one site may do: an office has several, a flood thousands. */
const addressesOfSite = 3;
/** Of all that is allowed, what is kept for sites that have done nothing yet. */
const reserveShare = 0.1;

/**
 * Counts what anybody may do who has no account: by address, by site (a /48 of IPv6 is one customer) and in all. Whoever
 * fills the whole does not shut out those who come for the first time: a reserve is theirs. The verdicts that refuse.
 */
export async function countStranger(
  limits: Limits,
  address: string,
  { name, perAddress, inAll, windowMs }: StrangerRule,
): Promise<WindowVerdict[]> {
  const ofSite = perAddress * addressesOfSite;
  const own: WindowHit[] = [
    { key: `${name}:${address}`, rule: { limit: perAddress, windowMs } },
    { key: `${name}-site:${siteKey(address)}`, rule: { limit: ofSite, windowMs } },
  ];
  const verdicts = await limits.hitAll([...own, { key: name, rule: { limit: inAll, windowMs } }]);
  const refused = verdicts.filter(({ isAllowed }) => !isAllowed);
  if (refused.length !== 1 || verdicts[2]?.isAllowed !== false) return refused;
  const looks = await Promise.all(own.slice(1).map((hit) => limits.hit({ ...hit, cost: 0 })));
  if (looks.some(({ remaining }) => remaining < ofSite)) return refused;
  const reserve = { limit: Math.ceil(inAll * reserveShare), windowMs };
  const last = await limits.hitAll([...own, { key: `${name}-reserve`, rule: reserve }]);
  return last.filter(({ isAllowed }) => !isAllowed);
}
