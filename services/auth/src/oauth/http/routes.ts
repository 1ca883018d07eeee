import { AppError, errorCodes, toAppError } from '@inferry/contracts';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { enginePaths } from '../engine/configuration.ts';
import { jwksMaxAgeSeconds } from '../signing/key-ring.ts';
import { handleAuthorize } from './authorize.ts';
import { keepBodies, parseForms } from './bodies.ts';
import type { HttpDeps } from './http-deps.ts';
import { authorizationServerMetadata, shortPaths } from './metadata.ts';
import { corsHeaders, sendError } from './oauth-reply.ts';
import { handleRegister } from './register.ts';
import { handleRevoke } from './revoke.ts';
import { sendPage } from './send-page.ts';
import { handleToken } from './token.ts';

/** Where clients look for the metadata: RFC 8414, OpenID Connect Discovery, and both for the path of the MCP endpoint. */
const metadataPaths = [
  '/.well-known/oauth-authorization-server',
  '/.well-known/oauth-authorization-server/mcp',
  '/.well-known/openid-configuration',
  '/.well-known/openid-configuration/mcp',
];

type Route = (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>;

/** The routes of the authorization server. They share an app with others, and change nothing for those. */
export async function oauthRoutes(
  app: FastifyInstance,
  deps: HttpDeps & { grantTypes: readonly string[] },
): Promise<void> {
  await app.register((scope, _options, done) => {
    keepBodies(scope);
    scope.setErrorHandler((error, _request, reply) => answerJson(deps, error, reply));
    mountDocuments(scope, deps);
    const { token, registration, revocation } = enginePaths;
    for (const url of [token, shortPaths.token]) mountPost(scope, url, handleToken(deps));
    for (const url of [registration, shortPaths.registration]) mountPost(scope, url, handleRegister(deps));
    mountPost(scope, revocation, handleRevoke(deps));
    done();
  });
  await app.register((scope, _options, done) => {
    parseForms(scope);
    scope.setErrorHandler((error, _request, reply) => answerPage(deps, error, reply));
    const authorize = handleAuthorize(deps);
    for (const url of [enginePaths.authorization, shortPaths.authorization])
      scope.get(url, { exposeHeadRoute: false }, authorize);
    deps.pages.mount(scope, deps.interactions).then(() => done(), done);
  });
}

function mountDocuments(scope: FastifyInstance, deps: HttpDeps & { grantTypes: readonly string[] }): void {
  const { settings, grantTypes, documents } = deps;
  const [withDocuments, without] = [true, false].map((hasDocuments) =>
    JSON.stringify(
      authorizationServerMetadata(settings.issuer, {
        ...{ grantTypes, hasDocuments },
        hasShortPaths: settings.shortPathProfiles.has(settings.profile ?? ''),
      }),
    ),
  );
  const cached = { ...corsHeaders, 'cache-control': `public, max-age=${jwksMaxAgeSeconds}` };
  // What it says of documents may change in the minute in which somebody tries again.
  const documentHeaders =
    settings.clientDocuments === 'auto' ? { ...corsHeaders, 'cache-control': 'public, max-age=60' } : cached;
  for (const url of metadataPaths) {
    scope.get(url, async (_request, reply) =>
      reply
        .headers(documentHeaders)
        .type('application/json')
        .send(documents.isOffered() ? withDocuments : without),
    );
    mountPreflight(scope, url, 'GET');
  }
  scope.get(enginePaths.jwks, async (_request, reply) =>
    reply
      .headers(cached)
      .type('application/jwk-set+json')
      .send(JSON.stringify({ keys: deps.ring.jwks() })),
  );
  mountPreflight(scope, enginePaths.jwks, 'GET');
}

function mountPost(scope: FastifyInstance, url: string, route: Route): void {
  scope.post(url, route);
  mountPreflight(scope, url, 'POST');
}

function mountPreflight(scope: FastifyInstance, url: string, method: string): void {
  const headers = {
    ...corsHeaders,
    'access-control-allow-methods': method,
    'access-control-allow-headers': 'authorization, content-type, accept, mcp-protocol-version',
    'access-control-max-age': '3600',
  };
  scope.options(url, async (_request, reply) => reply.code(204).headers(headers).send());
}

function answerJson(deps: HttpDeps, error: unknown, reply: FastifyReply): void {
  const { status, code, message } = toRefusal(deps, error);
  sendError(reply, status, { code, message });
}

function answerPage(deps: HttpDeps, error: unknown, reply: FastifyReply): void {
  const { status, code, message } = toRefusal(deps, error);
  const title = status >= 500 ? 'Something went wrong' : 'This does not go on';
  sendPage(reply, status, deps.views.problem({ status, code, title, message }));
}

function toRefusal(deps: HttpDeps, error: unknown): { status: number; code: string; message: string } {
  const fastifyStatus = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 0;
  if (fastifyStatus >= 400 && fastifyStatus < 500) {
    return { status: fastifyStatus, code: 'invalid_request', message: 'the request cannot be read' };
  }
  const known = toAppError(error);
  const status = errorCodes[known.code].http;
  if (!(error instanceof AppError)) deps.onFault(error);
  if (status === 503) return { status, code: 'temporarily_unavailable', message: known.message };
  return { status, code: status === 500 ? 'server_error' : known.code, message: known.message };
}
