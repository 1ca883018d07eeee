import { AppError, errorCodes, type Scope, toAppError } from '@inferry/contracts';
import type { Branding } from '@inferry/pages';
import { type AddressRanges, addressKey, clientAddress } from '@inferry/runtime';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { authorizationError, type ErrorView, errorPage } from './closing-pages.ts';
import type { SendPage } from './send-page.ts';

/** How the pages of one profile look, and how people sign in to it. */
export interface ProfilePages {
  branding?: Branding | undefined;
  /** The platforms that it is limited to: no other one's key is asked for. */
  providers?: readonly string[] | undefined;
  /** Whether people sign in with their key of its platform, where that is a way to sign in here at all. */
  isKeyFirst?: boolean | undefined;
  /** Can be ticked although no client asked for them: some clients cannot ask for more than they began with. */
  offeredScopes?: readonly Scope[] | undefined;
}

/** What every page needs. */
export interface PageContext {
  branding: Branding;
  send: SendPage;
  publicUrl: string;
  proxies: AddressRanges;
  onError(error: unknown): void;
}

/** What windows count a request's address as. */
export function addressOf({ proxies }: PageContext, request: FastifyRequest): string {
  return addressKey(clientAddress(request.raw, proxies));
}

/** Aborts when the browser goes away. */
export function abortOf(request: FastifyRequest): AbortSignal {
  const controller = new AbortController();
  request.raw.once('close', () => {
    if (request.raw.destroyed && !request.raw.complete) controller.abort();
  });
  return controller.signal;
}

/** Failures of pages are pages too. */
export function answerErrorsWithPages(scope: FastifyInstance, context: PageContext): void {
  scope.setErrorHandler((error: FastifyError | Error, _request, reply) => {
    sendError(context, reply, error);
  });
}

export function sendError(context: PageContext, reply: FastifyReply, error: unknown): FastifyReply {
  const known = fromFastify(error) ?? toAppError(error);
  if (known.code === 'internal') context.onError(error);
  const { status, view } = viewOf(known);
  return context.send(reply, { status, ...errorPage(view) });
}

function viewOf(error: AppError): { status: number; view: ErrorView } {
  const { code, message: text } = error;
  const status = errorCodes[code].http;
  if (code === 'forbidden') return { status, view: { ...authorizationError(code), text } };
  if (code === 'not_found' || code === 'rate_limited') return { status, view: authorizationError(code) };
  if (status >= 400 && status < 500) return { status, view: { title: 'This cannot be read', text, code } };
  if (code === 'internal') return { status, view: { title: 'Something went wrong here', text, code } };
  return { status: 503, view: authorizationError('temporarily_unavailable') };
}

/** What the framework refused before a handler ran: a form that is too large, or is none. */
function fromFastify(error: unknown): AppError | undefined {
  const status = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500;
  if (status < 400 || status >= 500) return undefined;
  return new AppError('invalid_request', 'This form cannot be read. Go back and try again.');
}
