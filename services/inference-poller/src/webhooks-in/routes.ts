import type { IncomingMessage } from 'node:http';
import { AppError, errorCodes, type Secret, toAppError, unlessAborted } from '@inferry/contracts';
import { type AddressRanges, addressKey, clientAddress, type Parts } from '@inferry/runtime';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { readHookToken } from './hook-urls.ts';
import type { Webhook, WebhookOutcome } from './receive-webhook.ts';

type Limits = Parts['limits'];
type WindowHit = Parameters<Limits['hit']>[0];

interface HookRouteDeps {
  secret: Secret;
  proxies: AddressRanges;
  limits: Limits;
  log: Parts['log'];
  /** From the first byte to the answer (default 2 s): platforms wait for little longer. */
  budgetMs: number;
  receive(webhook: Webhook, signal: AbortSignal): Promise<WebhookOutcome>;
  now(): number;
}

/** Platforms send from few addresses, so what is genuine is hardly limited; what is not, soon. */
const perAddress = { limit: 6_000, windowMs: 60_000 };
const faultsPerAddress = { limit: 60, windowMs: 60_000 };
/** Progress may come twice a second. */
const perRun = { limit: 60, windowMs: 10_000 };

/** Where platforms report jobs. Whatever is not good for anything here is one 404, whatever is wrong with it. */
export async function hookRoutes(app: FastifyInstance, deps: HookRouteDeps): Promise<void> {
  await app.register(
    (hooks, _options, done) => {
      hooks.removeAllContentTypeParsers();
      // The raw bytes are read below: a parser would keep something else.
      hooks.addContentTypeParser('*', (_request, _payload, parsed) => parsed(null));
      hooks.setNotFoundHandler((_request, reply) => refuse(reply, noSuchHook()));
      hooks.setErrorHandler((error, _request, reply) => {
        const known = toAppError(error);
        if (known.code === 'internal') deps.log.error({ err: error }, 'a webhook failed');
        return refuse(reply, known);
      });
      hooks.post<{ Params: { token: string } }>('/v1/:token', (request, reply) =>
        answerHook(deps, request, reply),
      );
      done();
    },
    { prefix: '/hooks' },
  );
}

async function answerHook(
  deps: HookRouteDeps,
  request: FastifyRequest<{ Params: { token: string } }>,
  reply: FastifyReply,
): Promise<void> {
  const signal = AbortSignal.timeout(deps.budgetMs);
  const address = addressKey(clientAddress(request.raw, deps.proxies));
  const faults: WindowHit = { key: `hook-faults/${address}`, rule: faultsPerAddress };
  await count(deps.limits, [
    { key: `hooks/${address}`, rule: perAddress },
    { ...faults, cost: 0 },
  ]);
  const claims = readHookToken(request.params.token, deps.secret, deps.now());
  const outcome = claims === undefined ? 'unknown' : await receiveWithin(deps, { claims, request }, signal);
  if (outcome === 'unknown' || outcome === 'rejected') {
    await deps.limits.hit(faults);
    throw outcome === 'unknown' ? noSuchHook() : notGenuine();
  }
  await reply.code(204).send();
}

async function receiveWithin(
  deps: HookRouteDeps,
  { claims, request }: { claims: Webhook['claims']; request: FastifyRequest },
  signal: AbortSignal,
): Promise<WebhookOutcome> {
  await count(deps.limits, [{ key: `hook-run/${claims.runId}`, rule: perRun }]);
  const rawBody = await readWebhookBody(request.raw, signal);
  const receiving = deps.receive({ claims, headers: singleHeaders(request), rawBody }, signal);
  const late = () => new AppError('deadline_exceeded', 'This took too long.', { retryAfterSeconds: 5 });
  return await unlessAborted(receiving, signal, late);
}

async function count(limits: Limits, hits: readonly WindowHit[]): Promise<void> {
  const verdicts = await limits.hitAll(hits);
  const refused = verdicts.find(({ isAllowed }) => !isAllowed);
  if (refused === undefined) return;
  throw new AppError('rate_limited', 'Too many webhooks.', {
    retryAfterSeconds: Math.max(1, Math.ceil(refused.retryAfterMs / 1_000)),
  });
}

/** A header that came twice is none: nobody could say which one was signed. */
function singleHeaders({ raw }: FastifyRequest): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(raw.headersDistinct).map(([name, values]) => [
      name,
      values?.length === 1 ? values[0] : undefined,
    ]),
  );
}

function refuse(reply: FastifyReply, error: AppError): FastifyReply {
  const { code, message } = error.toEnvelope();
  if (error.retryAfterSeconds !== undefined) reply.header('retry-after', String(error.retryAfterSeconds));
  // What was not read of a body that is too large or too slow would be read as the next request.
  if (code === 'body_too_large' || code === 'deadline_exceeded') reply.header('connection', 'close');
  return reply
    .code(errorCodes[error.code].http)
    .headers({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' })
    .send({ error: { code, message } });
}

function noSuchHook(): AppError {
  return new AppError('not_found', 'There is nothing here.');
}

function notGenuine(): AppError {
  return new AppError('unauthorized', 'This webhook is not genuine, or too old.');
}

/** Results come by polling too: a platform that puts megabytes into a webhook is asked instead. */
export const maxWebhookBytes = 2 * 1_024 * 1_024;

/** The bytes as they come, since signatures are over these and nothing else. Throws `body_too_large`. */
async function readWebhookBody(request: IncomingMessage, signal: AbortSignal): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > maxWebhookBytes) throw tooLarge();
  const late = () => new AppError('deadline_exceeded', 'The body did not come in time.');
  return await unlessAborted(collect(request), signal, late);
}

async function collect(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  // Reading on would keep the connection; leaving the loop would end it before there is an answer.
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    // as: without an encoding, a request yields buffers.
    const bytes = chunk as Buffer;
    size += bytes.byteLength;
    if (size > maxWebhookBytes) throw tooLarge();
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}

function tooLarge(): AppError {
  return new AppError('body_too_large', `A webhook has at most ${maxWebhookBytes} bytes.`);
}
