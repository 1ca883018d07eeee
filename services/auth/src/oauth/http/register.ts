import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { enginePaths } from '../engine/configuration.ts';
import { toClientMetadata } from '../policy/registration.ts';
import { toJson } from './bodies.ts';
import type { HttpDeps } from './http-deps.ts';
import { privateHeaders, sendEngineReply, sendError } from './oauth-reply.ts';
import { addressOf } from './request-address.ts';
import { countStranger, passes } from './windows.ts';

const Registered = z.object({
  client_id: z.string(),
  client_id_issued_at: z.int(),
  client_name: z.string().optional(),
  client_uri: z.string().optional(),
});

const windowMs = 600_000;

/** `POST /oauth/register` (RFC 7591): any client may; what it gets is a public client that ends when nobody uses it. */
export function handleRegister(
  deps: HttpDeps,
): (request: FastifyRequest, reply: FastifyReply) => Promise<unknown> {
  const { engine, limits, settings } = deps;
  return async (request, reply) => {
    const address = addressOf(request, settings.proxies);
    const rule = { name: 'oauth-register', ...settings.registrations, windowMs };
    if (!passes(await countStranger(limits, address, rule), reply)) return reply;
    const verdict = toClientMetadata(toJson(request.body, request.headers['content-type']), settings);
    if (!verdict.isAccepted) {
      sendError(reply, 400, verdict);
      return reply;
    }
    const answer = await engine.ask({
      method: 'POST',
      path: enginePaths.registration,
      json: verdict.metadata,
      context: { address },
    });
    if (answer.status !== 201) {
      sendEngineReply(reply, answer);
      return reply;
    }
    const { redirectUris, metadata } = verdict;
    const body = { ...Registered.parse(JSON.parse(answer.body)), ...metadata, redirect_uris: redirectUris };
    return reply.code(201).headers(privateHeaders).send(body);
  };
}
