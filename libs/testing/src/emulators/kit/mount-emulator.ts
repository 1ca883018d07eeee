import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import {
  type Answer,
  type CalledRoute,
  type EmulatedCall,
  type EmulatedRoute,
  Refusal,
} from './definition.ts';
import { disturbBefore, isReplyLost } from './disturb.ts';
import type { Emulator, RecordedRequest } from './emulator.ts';

/** Headers that any HTTP client sends. */
const usualHeaders = new Set([
  'host',
  'connection',
  'accept',
  'accept-encoding',
  'accept-language',
  'content-type',
  'content-length',
  'transfer-encoding',
  'user-agent',
  'authorization',
  'sec-fetch-mode',
]);

const everyMethod = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'] as const;

/** The routes of one emulated platform on a server that leaves bodies unparsed. */
export function mountEmulator(app: FastifyInstance, emulator: Emulator): void {
  const routes = emulator.definition.routes(emulator);
  for (const route of routes) {
    const base = route.base ?? 'api';
    app.route({
      method: route.method,
      url: `${emulator.prefix(base)}${route.path}`,
      handler: (request, reply) => serve(emulator, route, { request, reply }),
    });
  }
  for (const base of ['api', ...(emulator.definition.bases ?? [])]) {
    // A platform whose models are paths of any length takes what it knows of them itself.
    const taken = routes.filter((route) => (route.base ?? 'api') === base && route.path === '/*');
    app.route({
      method: everyMethod.filter((method) => taken.every((route) => route.method !== method)),
      url: `${emulator.prefix(base)}/*`,
      handler: (request, reply) => refuseUnknown(emulator, base, { request, reply }),
    });
  }
}

interface Exchange {
  request: FastifyRequest;
  reply: FastifyReply;
}

async function serve(emulator: Emulator, declared: EmulatedRoute, exchange: Exchange): Promise<unknown> {
  const { request, reply } = exchange;
  const call = await toCall(request, reply, declared);
  const kind = typeof declared.kind === 'function' ? declared.kind(call.body) : declared.kind;
  // Spread late: whether a route is open may depend on a quirk.
  const route: CalledRoute = { ...declared, kind };
  const record = recordOf(emulator, call, { request, route, base: route.base ?? 'api' });
  emulator.record(record);
  const key = readKey(emulator, call);
  const answer = await answerOf(emulator, route, { call, key });
  if (answer === 'gone') return reply;
  record.status = answer.status;
  return reply
    .code(answer.status)
    .headers(answer.headers ?? {})
    .send(answer.body ?? null);
}

async function answerOf(
  emulator: Emulator,
  route: CalledRoute,
  { call, key }: { call: EmulatedCall; key: string | undefined },
): Promise<Answer | 'gone'> {
  try {
    const violation = violationOf(emulator, route, call);
    if (violation !== undefined) {
      emulator.violations.push(violation);
      return emulator.failure('validation', violation);
    }
    if (route.isOpen !== true) checkKey(emulator, route, key);
    const disturbed = await disturbBefore(emulator, route, { reply: call.reply, key });
    if (disturbed !== undefined) return disturbed;
    const body = await route.handle({ ...call, body: parseBody(emulator, route, call) });
    if (call.reply.sent) return 'gone';
    if (isReplyLost(emulator, route, call.reply)) return 'gone';
    return { status: 200, body };
  } catch (error) {
    if (error instanceof Refusal) {
      return error.answer.status < 300 && isReplyLost(emulator, route, call.reply) ? 'gone' : error.answer;
    }
    emulator.violations.push(`the emulator failed: ${String(error)}`);
    return { status: 500, body: { emulator: String(error) } };
  }
}

async function toCall(
  request: FastifyRequest,
  reply: FastifyReply,
  route: EmulatedRoute,
): Promise<EmulatedCall> {
  const rawBody = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
  const headers = Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(', ') : value,
    ]),
  );
  // as: Fastify's router and its query parser give these shapes.
  const params = request.params as EmulatedCall['params'];
  const query = request.query as EmulatedCall['query'];
  return { params, query, headers, rawBody, reply, body: await readBody(rawBody, headers, route) };
}

/** For the record and the handler; a body that cannot be read stays text. */
async function readBody(
  raw: Buffer,
  headers: EmulatedCall['headers'],
  route: EmulatedRoute,
): Promise<unknown> {
  if (raw.byteLength === 0) return undefined;
  const contentType = headers['content-type'] ?? '';
  if (contentType.startsWith('multipart/form-data')) {
    return new Response(new Uint8Array(raw), { headers: { 'content-type': contentType } }).formData();
  }
  if (route.body === 'bytes') return raw;
  try {
    return JSON.parse(raw.toString());
  } catch {
    // The schema of the route refuses it.
    return raw.toString();
  }
}

function parseBody(emulator: Emulator, route: EmulatedRoute, { body }: EmulatedCall): unknown {
  if (route.body === undefined || route.body === 'bytes') return body;
  if (route.body === 'form') {
    if (body instanceof FormData) return body;
    throw emulator.refusal('validation', 'multipart/form-data is expected');
  }
  const parsed = route.body.safeParse(body);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  if (issue?.code === 'unrecognized_keys') {
    emulator.violations.push(
      `${route.path}: unknown body fields ${issue.path.join('.')} ${issue.keys.join(', ')}`,
    );
  }
  throw emulator.refusal('validation', `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'is not valid'}`);
}

function violationOf(emulator: Emulator, route: EmulatedRoute, call: EmulatedCall): string | undefined {
  const { clientHeaders, clientQuery, headers: anyHeaders = [] } = emulator.definition;
  const known = new Set([...usualHeaders, ...anyHeaders, ...(route.headers ?? [])]);
  const header = Object.keys(call.headers).find(
    (name) => !known.has(name) && clientHeaders?.test(name) !== true,
  );
  if (header !== undefined) return `${route.method} ${route.path}: unknown header ${header}`;
  const name = Object.keys(call.query).find(
    (key) => route.query?.includes(key) !== true && clientQuery?.test(key) !== true,
  );
  if (name !== undefined) return `${route.method} ${route.path}: unknown query ${name}`;
  if (route.body === undefined && call.rawBody.byteLength > 0 && route.method !== 'GET') {
    return call.rawBody.toString() === '{}'
      ? undefined
      : `${route.method} ${route.path}: a body where none belongs`;
  }
  return undefined;
}

function readKey({ definition }: Emulator, { headers, query }: EmulatedCall): string | undefined {
  if (definition.readKey !== undefined) return definition.readKey(headers, query);
  return /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1];
}

function checkKey(emulator: Emulator, { kind }: CalledRoute, key: string | undefined): void {
  const { keys } = emulator;
  if (key !== keys.valid && key !== keys.broke) throw emulator.refusal('bad_key', 'the key is not valid');
  if (key === keys.broke && kind === 'submit') throw emulator.refusal('no_credit', 'no credit left');
}

function recordOf(
  emulator: Emulator,
  { headers, query, body }: EmulatedCall,
  { request, route, base }: { request: FastifyRequest; route: CalledRoute | undefined; base: string },
): RecordedRequest {
  const path = request.url.split('?')[0] ?? '';
  return {
    method: request.method,
    path: decodeURIComponent(path.slice(emulator.prefix(base).length)),
    base,
    kind: route?.kind,
    query,
    headers,
    body,
    status: undefined,
    isForeign: isForeign(headers),
  };
}

export function isForeign(headers: { host?: string | undefined }): boolean {
  return headers.host?.startsWith('localhost') === true;
}

async function refuseUnknown(
  emulator: Emulator,
  base: string,
  { request, reply }: Exchange,
): Promise<unknown> {
  const path = request.url.slice(emulator.prefix(base).length);
  emulator.violations.push(`unknown route: ${request.method} ${path.split('?')[0]}`);
  const call = { headers: {}, query: {}, params: {}, body: undefined, rawBody: Buffer.alloc(0), reply };
  emulator.record({ ...recordOf(emulator, call, { request, route: undefined, base }), status: 404 });
  const { status, body, headers } = emulator.failure('unknown_route', path);
  return reply
    .code(status)
    .headers(headers ?? {})
    .send(body);
}
