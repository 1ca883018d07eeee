import type { FastifyReply, FastifyRequest } from 'fastify';
import { enginePaths } from '../engine/configuration.ts';
import type { EngineReply } from '../engine/inject.ts';
import { canonicalResource } from '../policy/resource.ts';
import { keepKnown } from '../policy/scopes.ts';
import { toForm } from './bodies.ts';
import { clientIdOf } from './client-id.ts';
import type { HttpDeps } from './http-deps.ts';
import { notForm, sendEngineReply, sendError, withClientStatus } from './oauth-reply.ts';
import { addressOf } from './request-address.ts';

/** `POST /oauth/token`. */
export function handleToken(
  deps: HttpDeps,
): (request: FastifyRequest, reply: FastifyReply) => Promise<unknown> {
  const { engine, singleFlight, settings } = deps;
  return async (request, reply) => {
    const form = toForm(request.body, request.headers['content-type']);
    if (form === undefined) {
      sendError(reply, 400, notForm);
      return reply;
    }
    const { authorization } = request.headers;
    normalise(form, settings.issuer);
    if (form.get('grant_type') === 'client_credentials' && !form.has('scope'))
      form.set('scope', deps.scopesOfClient(clientIdOf(form, authorization)).join(' '));
    const headers = authorization === undefined ? {} : { authorization };
    const address = addressOf(request, settings.proxies);
    const ask = (isTakeover: boolean): Promise<EngineReply> =>
      engine.ask({
        method: 'POST',
        path: enginePaths.token,
        form,
        headers,
        context: { address, isTakeover },
      });
    const isRefresh = form.get('grant_type') === 'refresh_token';
    const answer = isRefresh ? await singleFlight({ form, authorization }, ask) : await ask(false);
    sendEngineReply(reply, withClientStatus(answer));
    return reply;
  };
}

/** One spelling of the resource, and no scopes that nobody knows here: a refresh without any keeps what it has. */
function normalise(form: URLSearchParams, issuer: string): void {
  const resources = [...new Set(form.getAll('resource').map((value) => canonicalResource(value, issuer)))];
  form.delete('resource');
  for (const resource of resources) form.append('resource', resource);
  const asked = form.getAll('scope').join(' ');
  const scopes = keepKnown(asked);
  form.delete('scope');
  if (scopes.length > 0) form.set('scope', scopes.join(' '));
}
