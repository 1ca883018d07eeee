import type { FastifyReply, FastifyRequest } from 'fastify';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { enginePaths } from '../engine/configuration.ts';
import { profileOfResource } from '../policy/resource.ts';
import { toForm } from './bodies.ts';
import { clientIdOf, withoutEmptySecret } from './client-id.ts';
import type { HttpDeps } from './http-deps.ts';
import { notForm, privateHeaders, sendEngineReply, sendError, withClientStatus } from './oauth-reply.ts';
import { addressOf } from './request-address.ts';

/**
 * `POST /oauth/revoke` (RFC 7009). The engine cannot revoke a JWT: then it is asked for the client's right to revoke alone,
 * and the token's grant ends here, and with it every token of it.
 */
export function handleRevoke(
  deps: HttpDeps,
): (request: FastifyRequest, reply: FastifyReply) => Promise<unknown> {
  return async (request, reply) => {
    const form = toForm(request.body, request.headers['content-type']);
    if (form === undefined) sendError(reply, 400, notForm);
    else await revoke(deps, { request, reply, form });
    return reply;
  };
}

interface Revocation {
  request: FastifyRequest;
  reply: FastifyReply;
  form: URLSearchParams;
}

async function revoke(deps: HttpDeps, { request, reply, form }: Revocation): Promise<void> {
  const { engine, grants, settings } = deps;
  const token = form.get('token') ?? '';
  const isJwt = token.split('.').length === 3;
  if (isJwt) form.set('token', 'a token that nobody has');
  const authorization = withoutEmptySecret(form, request.headers.authorization);
  const answer = await engine.ask({
    method: 'POST',
    path: enginePaths.revocation,
    form,
    headers: authorization === undefined ? {} : { authorization },
    context: { address: addressOf(request, settings.proxies) },
  });
  if (answer.status !== 200) return sendEngineReply(reply, withClientStatus(answer));
  const owned = isJwt ? await readOwn(deps, token) : undefined;
  if (owned !== undefined && owned.clientId === clientIdOf(form, authorization))
    await grants.revoke(owned.grantId);
  reply.code(200).headers(privateHeaders).send('');
}

/** Whose token it is, if it is one of ours that still lives. */
async function readOwn(
  { ring, settings }: HttpDeps,
  token: string,
): Promise<{ clientId: string; grantId: string } | undefined> {
  try {
    const { payload } = await jwtVerify(token, createLocalJWKSet({ keys: ring.jwks() }), {
      issuer: settings.issuer,
      typ: 'at+jwt',
      algorithms: ['ES256'],
      requiredClaims: ['exp', 'client_id', 'gid'],
    });
    const isOurs = [payload.aud ?? []].flat().some((aud) => profileOfResource(aud, settings) !== undefined);
    return isOurs ? { clientId: String(payload.client_id), grantId: String(payload.gid) } : undefined;
  } catch {
    // Not ours, or over: there is nothing to revoke, and the answer is the same.
    return undefined;
  }
}
