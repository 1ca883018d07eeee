import type { Principal } from '@inferry/contracts';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Refusal, refuse } from '../refusal.ts';
import type { Edge } from './edge.ts';
import type { Receiver } from './receive.ts';

export interface MountParts {
  edge: Edge;
  receive: Receiver;
  onError(error: unknown): void;
}

/** MCP at `/mcp` and at the bare origin (X2), and at the paths that name toolsets. */
const mcpPaths = ['/mcp', '/', '/mcp/x/:toolsets', '/mcp/x/:toolsets/readonly'];

const notFound = refuse(404, ['not_found', 'There is nothing here. MCP is served at /mcp.']);
const notAllowed = refuse(405, ['method_not_allowed', 'MCP is served by POST.'], {
  headers: { allow: 'POST' },
});
const badRequest = refuse(400, ['invalid_request', 'The request cannot be read.']);
const failed = refuse(500, ['internal', 'Something went wrong here. Try again; if it repeats, report it.']);

/** The gateway's routes. */
export async function mountRoutes(app: FastifyInstance, parts: MountParts): Promise<void> {
  // Before the body: a parser would answer for what it cannot read at an address that does not exist.
  app.addHook('onRequest', (request, reply, done) => {
    // What lies below a prefix belongs to whoever took it.
    if (request.is404 && request.server.prefix === '') answerOther(parts.edge, { request, reply }, notFound);
    else done();
  });
  // The parser and the error handler are the MCP routes' alone: other routes of the app keep theirs.
  await app.register((scope, _options, done) => {
    leaveBodiesUnread(scope);
    const toRefusal = createErrorReader(parts);
    scope.setErrorHandler((error, _request, reply) => answer(parts.edge, reply, toRefusal(error)));
    for (const url of mcpPaths) mountMcp(scope, url, parts);
    done();
  });
}

function mountMcp(scope: FastifyInstance, url: string, { edge, receive }: MountParts): void {
  const principals = new WeakMap<FastifyRequest, Principal>();
  scope.route({
    method: 'POST',
    url,
    onRequest(request, reply, done) {
      edge.pass(request.raw, reply.raw, (principal) => {
        principals.set(request, principal);
        done();
      });
    },
    handler(request, reply) {
      reply.hijack();
      const principal = principals.get(request);
      // Set by the hook above, or the request would have ended there.
      if (principal === undefined) return edge.send(reply.raw, failed);
      receive({ request: request.raw, response: reply.raw, principal });
    },
  });
  scope.route({
    method: ['GET', 'DELETE', 'PUT', 'PATCH', 'OPTIONS'],
    url,
    // Before any work: idle GETs that wait for a stream were most of the traffic of one hosted server (RPB-08).
    onRequest: (request, reply) => answerOther(edge, { request, reply }, notAllowed),
    handler: (request, reply) => answerOther(edge, { request, reply }, notAllowed),
  });
}

/** The receiver reads them: what is too large, slow or not JSON is a JSON-RPC error there. */
function leaveBodiesUnread(scope: FastifyInstance): void {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser('*', (_request, _payload, done) => done(null));
}

function createErrorReader({ onError }: MountParts): (error: unknown) => Refusal {
  return (error) => {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (code.startsWith('FST_ERR_CTP_')) return badRequest;
    onError(error);
    return failed;
  };
}

/** What is no POST to MCP: a preflight, or `otherwise` unless its Host or Origin is refused first. */
function answerOther(
  edge: Edge,
  { request, reply }: { request: FastifyRequest; reply: FastifyReply },
  otherwise: Refusal,
): void {
  const refusal = edge.greet(request.raw, reply.raw);
  if (refusal === undefined && otherwise !== notFound && edge.answerPreflight(request.raw, reply.raw)) {
    reply.hijack();
  } else answer(edge, reply, refusal ?? otherwise);
}

function answer(edge: Edge, reply: FastifyReply, refusal: Refusal): void {
  reply.hijack();
  edge.send(reply.raw, refusal);
}
