/**
 * The page on which a person says yes or no to the cost of a run, for clients that cannot ask: at an address that names one
 * question and nobody can guess. Whoever signed in answers on their account page instead.
 */
import { AppError, toAppError } from '@inferry/contracts';
import { answerConfirmation, findAnyConfirmation } from '@inferry/database';
import { createMac, isSameText } from '@inferry/seals';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { InferenceDeps } from './deps.ts';
import type { ConfirmSettings, CostQuestion } from './runs/run-cost.ts';
import type { InferenceOptions } from './service.ts';

const prefix = '/hooks/confirm';

type Options = Pick<InferenceOptions, 'publicUrl' | 'quoteSecret' | 'quoteTtlMs' | 'confirmAboveMicros'>;

export function confirmSettingsOf({
  publicUrl,
  quoteSecret,
  quoteTtlMs,
  confirmAboveMicros,
}: Options): ConfirmSettings {
  return {
    aboveMicros: confirmAboveMicros,
    ttlMs: quoteTtlMs ?? 600_000,
    pageOf(id, { kind }) {
      if (publicUrl === undefined) return undefined;
      if (kind === 'oauth') return `${publicUrl}/account#confirmations`;
      return quoteSecret === undefined ? undefined : `${publicUrl}${prefix}/${id}.${codeOf(id, quoteSecret)}`;
    },
  };
}

/** Who has the address was given it by us. */
function codeOf(id: string, secret: NonNullable<Options['quoteSecret']>): string {
  return createMac(secret)(`inferry confirmation 1\n${id}`).toString('base64url').slice(0, 22);
}

export async function mountConfirmPage(
  app: FastifyInstance,
  deps: Pick<InferenceDeps, 'database' | 'now' | 'log'>,
  { quoteSecret: secret }: Options,
): Promise<void> {
  if (secret === undefined) return;
  const idOf = (token: string): string => {
    const [id = '', code = ''] = token.split('.');
    if (!isSameText(codeOf(id, secret), code)) throw new AppError('not_found', 'There is nothing here.');
    return id;
  };
  await app.register(
    (pages, _options, done) => {
      pages.removeAllContentTypeParsers();
      pages.addContentTypeParser(
        'application/x-www-form-urlencoded',
        { parseAs: 'string', bodyLimit: 1_000 },
        (_request, body, parsed) => parsed(null, new URLSearchParams(String(body))),
      );
      pages.setErrorHandler((error, _request, reply) => {
        const known = toAppError(error);
        if (known.code === 'internal') deps.log.error({ err: error }, 'a page failed');
        const isMissing = known.code === 'not_found';
        return send(reply, isMissing ? 404 : 503, {
          title: isMissing ? 'There is nothing here' : 'Try again soon',
          body: '',
        });
      });
      pages.get<{ Params: { token: string } }>('/:token', (request, reply) =>
        show(deps, reply, idOf(request.params.token)),
      );
      pages.post<{ Params: { token: string }; Body: URLSearchParams }>('/:token', async (request, reply) => {
        const id = idOf(request.params.token);
        await answer(deps, id, request.body.get('answer'));
        return show(deps, reply, id);
      });
      done();
    },
    { prefix },
  );
}

type PageDeps = Pick<InferenceDeps, 'database' | 'now'>;

async function answer({ database, now }: PageDeps, id: string, said: string | null): Promise<void> {
  if (said !== 'accepted' && said !== 'declined') return;
  const asked = await findAnyConfirmation(database.queries, id);
  if (asked === undefined) return;
  const { subject } = asked;
  await answerConfirmation(database.queries, { id, subject, answer: said, at: now() });
}

async function show({ database, now }: PageDeps, reply: FastifyReply, id: string): Promise<FastifyReply> {
  const asked = await findAnyConfirmation(database.queries, id);
  if (asked === undefined) throw new AppError('not_found', 'There is nothing here.');
  if (asked.answer === 'declined')
    return send(reply, 200, { title: 'Nothing is run', body: '<p>You said no.</p>' });
  if (asked.answer !== null) {
    return send(reply, 200, {
      title: 'You said yes',
      body: '<p>Tell your assistant to go on. This yes is good for one run.</p>',
    });
  }
  if (asked.expires_at <= now()) {
    return send(reply, 200, {
      title: 'This question is too old',
      body: '<p>Nothing was run. Let your assistant ask again.</p>',
    });
  }
  // as: `confirmCost` alone writes it.
  const { model, price, client } = JSON.parse(asked.question) as CostQuestion;
  const by = client === '' ? '' : ` <p>Asked by ${escaped(client)}.</p>`;
  const body = `<p>Run <b>${escaped(model)}</b> for <b>${escaped(price)}</b>?</p>${by}
<form method="post"><button name="answer" value="accepted">Run it</button>
<button name="answer" value="declined">No</button></form>`;
  return send(reply, 200, { title: 'Confirm a cost', body });
}

const style =
  'body{font:1.1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:15vh auto;padding:0 1rem}' +
  'button{font:inherit;padding:.5rem 1.2rem;margin-right:.5rem}:root{color-scheme:light dark}';

function send(
  reply: FastifyReply,
  status: number,
  { title, body }: { title: string; body: string },
): FastifyReply {
  return reply
    .code(status)
    .headers({
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'content-security-policy':
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
    })
    .send(
      `<!doctype html><html lang="en"><meta name="viewport" content="width=device-width"><title>${title}</title>` +
        `<style>${style}</style><main><h1>${title}</h1>${body}</main></html>`,
    );
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
