import { hash } from 'node:crypto';
import { AppError, hasScope, isScope } from '@inferry/contracts';
import type { WindowHit, WindowVerdict } from '@inferry/limits';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { enginePaths } from '../engine/configuration.ts';
import type { EngineReply } from '../engine/inject.ts';
import { canonicalResource, type Place } from '../policy/resource.ts';
import { keepKnown } from '../policy/scopes.ts';
import { toForm } from './bodies.ts';
import { clientIdOf, withoutEmptySecret } from './client-id.ts';
import type { HttpDeps } from './http-deps.ts';
import { notForm, sendEngineReply, sendError, withClientStatus } from './oauth-reply.ts';
import { addressOf } from './request-address.ts';
import { passes } from './windows.ts';

const windowMs = 60_000;

/** `POST /oauth/token`. */
export function handleToken(
  deps: HttpDeps,
): (request: FastifyRequest, reply: FastifyReply) => Promise<unknown> {
  return async (request, reply) => {
    const form = toForm(request.body, request.headers['content-type']);
    if (form === undefined) {
      sendError(reply, 400, notForm);
      return reply;
    }
    const authorization = withoutEmptySecret(form, request.headers.authorization);
    const asking = { form, authorization, address: addressOf(request, deps.settings.proxies) };
    const windows = windowsOf(deps, asking);
    // What comes to nothing is counted, so that an address which many share is not locked out by their number.
    if (!passes(await fullOf(deps, windows), reply)) return reply;
    const answer = withClientStatus(await answerOf(deps, asking));
    if (answer.status >= 400 && answer.status < 500) await count(deps, windows);
    sendEngineReply(reply, answer);
    return reply;
  };
}

/** While the windows are away nobody is held up: a refresh that waits is a client that loses its sign-in. */
async function count({ limits }: HttpDeps, windows: readonly WindowHit[]): Promise<WindowVerdict[]> {
  return limits.hitAll(windows).catch((error: unknown) => {
    if (error instanceof AppError) return [];
    throw error;
  });
}

async function fullOf(deps: HttpDeps, windows: readonly WindowHit[]): Promise<WindowVerdict[]> {
  const verdicts = await count(
    deps,
    windows.map((hit) => ({ ...hit, cost: 0 })),
  );
  return verdicts.filter(({ isAllowed }) => !isAllowed);
}

interface Asking {
  form: URLSearchParams;
  authorization: string | undefined;
  address: string;
}

function windowsOf({ settings }: HttpDeps, { form, authorization, address }: Asking): WindowHit[] {
  const { perClient, perAddress } = settings.failedTokens;
  const client = hash('sha256', clientIdOf(form, authorization) ?? '', 'base64url').slice(0, 22);
  return [
    { key: `oauth-token:${address}:${client}`, rule: { limit: perClient, windowMs } },
    { key: `oauth-token:${address}`, rule: { limit: perAddress, windowMs } },
  ];
}

async function answerOf(deps: HttpDeps, { form, authorization, address }: Asking): Promise<EngineReply> {
  const { engine, singleFlight, settings } = deps;
  normalise(form, settings);
  if (form.get('grant_type') === 'client_credentials' && !form.has('scope'))
    form.set('scope', deps.scopesOfClient(clientIdOf(form, authorization)).join(' '));
  const headers = authorization === undefined ? {} : { authorization };
  const ask = (isTakeover: boolean): Promise<EngineReply> =>
    engine.ask({
      method: 'POST',
      path: enginePaths.token,
      form,
      headers,
      context: { address, isTakeover },
    });
  if (form.get('grant_type') === 'authorization_code') return withMinted(deps, await ask(false));
  if (form.get('grant_type') !== 'refresh_token') return ask(false);
  const granted = await deps.scopesOfRefresh(form.get('refresh_token') ?? '');
  // Nobody's token: there is no answer to share, and nothing to write down.
  if (granted === undefined) return ask(false);
  keepGranted(form, granted);
  return singleFlight({ form, authorization }, ask);
}

/** The key itself in the place of our tokens, once the engine has found the code and its verifier to be right. */
async function withMinted({ takeMinted }: HttpDeps, answer: EngineReply): Promise<EngineReply> {
  if (takeMinted === undefined || answer.status !== 200) return answer;
  const { access_token: token } = Issued.parse(JSON.parse(answer.body));
  const payload = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8');
  const { gid: grantId, sub: subject } = Claims.parse(JSON.parse(payload));
  const key = await takeMinted({ grantId, subject });
  if (key === undefined) return answer;
  return { ...answer, body: JSON.stringify({ access_token: key.reveal(), token_type: 'Bearer' }) };
}

/** Of the engine's own answer a moment ago. */
const Issued = z.object({ access_token: z.string() });
const Claims = z.object({ gid: z.string(), sub: z.string() });

/** Of what a refresh asks for, what was granted: clients repeat what they asked for when they began. */
function keepGranted(form: URLSearchParams, granted: readonly string[]): void {
  const asked = (form.get('scope') ?? '').split(' ').filter((scope) => scope !== '');
  if (asked.length === 0) return;
  const kept = granted.filter((scope) => asked.includes(scope) || (isScope(scope) && hasScope(asked, scope)));
  if (kept.length > 0) form.set('scope', kept.join(' '));
}

/** One spelling of the resource, and no scopes that nobody knows here: a refresh without any keeps what it has. */
function normalise(form: URLSearchParams, place: Place): void {
  const resources = [...new Set(form.getAll('resource').map((value) => canonicalResource(value, place)))];
  form.delete('resource');
  for (const resource of resources) form.append('resource', resource);
  const asked = form.getAll('scope').join(' ');
  const scopes = keepKnown(asked);
  form.delete('scope');
  if (scopes.length > 0) form.set('scope', scopes.join(' '));
}
