import { errorText } from '@inferry/mcp';
import { sayCommands } from '@inferry/runtime';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { refuse } from '../http-refusal.ts';

/**
 * What clients try that want to sign in where there are API keys only. They show what they are told: it says how to go on
 * instead of that there is nothing.
 */
const tried = [
  '/.well-known/oauth-authorization-server',
  '/.well-known/oauth-authorization-server/*',
  '/.well-known/openid-configuration',
  '/.well-known/openid-configuration/*',
];
const triedByPost = ['/register', '/oauth/register', '/token', '/oauth/token'];
const triedByBrowser = ['/authorize', '/oauth/authorize'];

const refusal = refuse(404, ['not_found', 'This server takes API keys, and nobody signs in here.'], {
  nextAction: sayCommands(
    'Send Authorization: Bearer ifr_… with every request; whoever runs the server makes a key with: npm run keys -- create --name me',
  ),
});
const body = errorText(undefined, {
  ...refusal,
  // Clients show the message alone.
  message: `${refusal.message} ${String(refusal.data.next_action)}`,
});

export function refuseNoServer(reply: FastifyReply): FastifyReply {
  reply.code(404).headers({ 'access-control-allow-origin': '*', 'cache-control': 'no-store' });
  return reply.type('application/json').send(body);
}

/** The OAuth addresses of a deployment without an authorization server. */
export function mountNoServer(app: FastifyInstance): void {
  const answer = (_request: FastifyRequest, reply: FastifyReply) => refuseNoServer(reply);
  for (const url of [...tried, ...triedByBrowser]) app.get(url, answer);
  // Before the body: no parser is asked what it thinks of it.
  const onRequest = async (request: FastifyRequest, reply: FastifyReply) => answer(request, reply);
  for (const url of triedByPost) app.post(url, { onRequest }, answer);
}
