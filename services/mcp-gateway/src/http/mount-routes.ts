import type { IncomingMessage } from 'node:http';
import { profiles } from '@inferry/profiles';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { oneValue } from '../edge/one-value.ts';
import { type HttpRefusal, refuse } from '../http-refusal.ts';
import type { Edge } from './edge.ts';
import type { Mounts } from './mounts.ts';
import type { Receiver } from './receive.ts';

export interface MountParts {
  edge: Edge;
  mounts: Mounts;
  receive: Receiver;
  /** Takes an admitted GET that asks for the rest of a stream. */
  resume: Receiver;
  /** What tells whoever asks in vain how to sign in; empty where nobody does. */
  challenge(request: IncomingMessage): Readonly<Record<string, string>>;
  /** Shows a browser how to connect; false for what is none. */
  answerBrowser(request: FastifyRequest, reply: FastifyReply): boolean;
  onError(error: unknown): void;
}

/** MCP at `/mcp` and at the bare origin (X2), below it at the mounts of profiles, and at the paths that name toolsets, after `x`. */
const mounts = ['/mcp', '/mcp/:profile(^(?!x$)[a-z][a-z0-9-]{0,39}$)'];
/** The plain addresses of the product's own profiles have routes of their own: the router need match no pattern for them. */
const ownMounts = profiles.map(({ key }) => `/mcp/${key}`);
const mcpPaths = [
  '/',
  ...ownMounts,
  ...mounts.flatMap((mount) => [mount, `${mount}/x/:toolsets`, `${mount}/x/:toolsets/readonly`]),
];

const notFound = refuse(404, ['not_found', 'There is nothing here. MCP is served at /mcp.']);
const notAllowed = refuse(405, ['method_not_allowed', 'MCP is served by POST.'], {
  headers: { allow: 'POST' },
});
const failed = refuse(500, ['internal', 'Something went wrong here. Try again; if it repeats, report it.']);

/** The gateway's routes. */
export async function mountRoutes(app: FastifyInstance, parts: MountParts): Promise<void> {
  // Before the body: a parser would answer for what it cannot read at an address that does not exist.
  app.addHook('onRequest', (request, reply, done) => {
    // What lies below a prefix belongs to whoever took it.
    if (request.is404 && request.server.prefix === '') answerOther(parts.edge, { request, reply }, notFound);
    else done();
  });
  // The error handler is the MCP routes' alone: other routes of the app keep theirs.
  await app.register((scope, _options, done) => {
    scope.setErrorHandler((error, _request, reply) => {
      parts.onError(error);
      answer(parts.edge, reply, failed);
    });
    for (const url of mcpPaths) mountMcp(scope, url, parts);
    done();
  });
}

function mountMcp(
  scope: FastifyInstance,
  url: string,
  { edge, mounts, receive, resume, challenge, answerBrowser }: MountParts,
): void {
  // Answered before the body, which the receiver reads: no parser of Fastify's has a part in it.
  const take = (admit: Receiver) => (request: FastifyRequest, reply: FastifyReply) => {
    const offer = mounts.offerOf(request.raw);
    if (offer === undefined) return answerOther(edge, { request, reply }, notFound);
    reply.hijack();
    edge.pass(request.raw, reply.raw, (admitted) => admit({ ...admitted, offer }));
  };
  const takePost = take(receive);
  const takeGet = take(resume);
  const other = (request: FastifyRequest, reply: FastifyReply) => {
    if (answerBrowser(request, reply)) return;
    if (mounts.offerOf(request.raw) === undefined) answerOther(edge, { request, reply }, notFound);
    else if (request.method === 'GET' && oneValue(request.headers['last-event-id']) !== undefined)
      takeGet(request, reply);
    else {
      const headers = { ...notAllowed.headers, ...challenge(request.raw) };
      answerOther(edge, { request, reply }, { ...notAllowed, headers });
    }
  };
  scope.route({ method: 'POST', url, onRequest: takePost, handler: takePost });
  scope.route({
    method: ['GET', 'DELETE', 'PUT', 'PATCH', 'OPTIONS'],
    url,
    // Before any work: idle GETs that wait for a stream were most of the traffic of one hosted server (RPB-08).
    onRequest: other,
    handler: other,
  });
}

/** What is no POST to MCP: a preflight, or `otherwise` unless its Host or Origin is refused first. */
function answerOther(
  edge: Edge,
  { request, reply }: { request: FastifyRequest; reply: FastifyReply },
  otherwise: HttpRefusal,
): void {
  const refusal = edge.greet(request.raw, reply.raw);
  if (refusal === undefined && otherwise !== notFound && edge.answerPreflight(request.raw, reply.raw)) {
    reply.hijack();
  } else answer(edge, reply, refusal ?? otherwise);
}

function answer(edge: Edge, reply: FastifyReply, refusal: HttpRefusal): void {
  reply.hijack();
  edge.send({ response: reply.raw }, refusal);
}
