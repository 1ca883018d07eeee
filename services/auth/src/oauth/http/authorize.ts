import type { FastifyReply, FastifyRequest } from 'fastify';
import { enginePaths, interactionPath } from '../engine/configuration.ts';
import type { EngineReply } from '../engine/inject.ts';
import type { ProblemView } from '../interactions/interactions.ts';
import { checkRedirectUri } from '../policy/redirect-uris.ts';
import { canonicalResource, type Place } from '../policy/resource.ts';
import { parseScope } from '../policy/scopes.ts';
import type { HttpDeps } from './http-deps.ts';
import { addressOf } from './request-address.ts';
import { sendPage } from './send-page.ts';
import { passWindows } from './windows.ts';

/** What reaches the engine. The rest is of OpenID Connect, and some of it would be refused for want of `openid`. */
const passed = [
  ...['client_id', 'redirect_uri', 'response_type', 'state', 'code_challenge', 'code_challenge_method'],
  ...['login_hint', 'ui_locales', 'request', 'request_uri', 'registration'],
];

/** `GET /oauth/authorize`: checks the request, and sends the browser on to the page where a person decides. */
export function handleAuthorize(
  deps: HttpDeps,
): (request: FastifyRequest, reply: FastifyReply) => Promise<unknown> {
  const { engine, limits, settings, views } = deps;
  return async (request, reply) => {
    const address = addressOf(request, settings.proxies);
    const rule = { limit: settings.authorizationsPerAddress, windowMs: 60_000 };
    if (!(await passWindows(limits, [{ key: `oauth-authorize:${address}`, rule }], reply))) return reply;
    const asked = new URL(request.url, settings.issuer).searchParams;
    const clientId = asked.get('client_id') ?? '';
    const problem = checkRedirectUri(asked.get('redirect_uri') ?? '', { ...settings, clientId });
    if (asked.getAll('redirect_uri').length === 1 && problem !== undefined) {
      sendPage(
        reply,
        400,
        views.problem({ ...invalidRedirect, message: `This redirect_uri is refused: ${problem}.` }),
      );
      return reply;
    }
    const query = toEngineQuery(asked, settings);
    const answer = await engine.ask({
      method: 'GET',
      path: enginePaths.authorization,
      query,
      context: { address },
    });
    const reason = isDocumentId(clientId) ? deps.documents.failureOf(clientId) : undefined;
    if (reason !== undefined && answer.status !== 303)
      sendPage(reply, 400, views.problem(toUnreadable(clientId, reason)));
    else await goOn(deps, { request, reply, answer });
    return reply;
  };
}

/** A client that names itself by the address of a document. */
function isDocumentId(clientId: string): boolean {
  return URL.parse(clientId)?.protocol === 'https:';
}

function toUnreadable(clientId: string, reason: string): ProblemView {
  return {
    status: 400,
    code: 'client_document_unreadable',
    title: 'This server cannot read who the client is',
    message: `this server could not read ${clientId.slice(0, 300)}: ${reason}`,
  };
}

const invalidRedirect = { status: 400, code: 'invalid_redirect_uri', title: 'This client cannot be let in' };

function toEngineQuery(asked: URLSearchParams, place: Place): URLSearchParams {
  const query = new URLSearchParams([...asked].filter(([name]) => passed.includes(name)));
  query.set('scope', parseScope(asked.getAll('scope').join(' ')).join(' '));
  for (const resource of new Set(asked.getAll('resource').map((value) => canonicalResource(value, place))))
    query.append('resource', resource);
  if (asked.get('prompt') === 'none') query.set('prompt', 'none');
  const mode = asked.get('response_mode');
  // The engine knows more modes, with pages of its own: they are not offered.
  if (mode !== null && mode !== 'query') query.set('response_mode', 'unsupported');
  return query;
}

interface Way {
  request: FastifyRequest;
  reply: FastifyReply;
  answer: EngineReply;
}

async function goOn(deps: HttpDeps, { request, reply, answer }: Way): Promise<void> {
  const { browsers, settings, views } = deps;
  const { location } = answer.headers;
  reply.header('cache-control', 'no-store').header('referrer-policy', 'same-origin');
  if (answer.status !== 303 || typeof location !== 'string') {
    const problem = toProblem(answer);
    return sendPage(reply, problem.status, views.problem(problem));
  }
  const uid = location.startsWith(interactionPath(''))
    ? location.slice(interactionPath('').length)
    : undefined;
  if (uid === undefined) {
    // This computer, or an app of it: nobody is led anywhere by that.
    if (!location.startsWith('https:')) return void reply.code(303).header('location', location).send();
    const problem = toRefusedRequest(location);
    return sendPage(reply, problem.status, views.problem(problem));
  }
  const browser = browsers.of(request.headers) ?? browsers.create();
  await deps.bind(uid, browser.hash);
  reply.header('set-cookie', browsers.toCookie(browser));
  reply
    .code(303)
    .header('location', `${settings.issuer}${interactionPath(uid)}`)
    .send();
}

/**
 * An error that the client may see. The browser is not sent to a web site by itself: a client names its own, and a link to
 * this server must not lead there without a click (RFC 9700, section 4.11.2).
 */
function toRefusedRequest(location: string): ProblemView {
  const said = new URL(location).searchParams;
  const code = said.get('error') ?? 'invalid_request';
  const message = `${said.get('error_description') ?? 'the request is invalid'}. Start again from your client.`;
  return {
    status: 400,
    code,
    title: 'The client asked for something that is not done here',
    message,
    location,
  };
}

function toProblem({ status, body }: EngineReply): ProblemView {
  const { error: code, error_description: description } = readError(body);
  if (status >= 500) {
    const message = 'Something went wrong here. Try again; if it repeats, report it.';
    return { status: 500, code, title: 'Something went wrong', message };
  }
  if (code === 'invalid_client')
    return { status: 400, code, title: 'This client is not known here', message: forgotten };
  return {
    status: 400,
    code,
    title: 'This request cannot be read',
    message: `${description}. Start again from your client.`,
  };
}

/** Clients keep their registration for ever; ours end when nobody uses them, and a database can be lost. */
const forgotten =
  'Its registration has ended, or its metadata document cannot be read. Let the client forget this server and connect ' +
  'again: Claude Code: /mcp, then "Clear authentication". claude.ai and Claude Desktop: disconnect and connect the ' +
  'connector. Cursor and VS Code: remove the server and add it. mcp-remote: delete ~/.mcp-auth.';

function readError(body: string): { error: string; error_description: string } {
  const parsed: unknown = body.startsWith('{') ? JSON.parse(body) : {};
  const fields = typeof parsed === 'object' && parsed !== null ? parsed : {};
  return {
    error: 'error' in fields ? String(fields.error) : 'invalid_request',
    error_description:
      'error_description' in fields ? String(fields.error_description) : 'request is invalid',
  };
}
