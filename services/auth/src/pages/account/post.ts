/** Forms of the pages of an account: taken from its own pages alone, and answered so that a reload does nothing again. */
import { AppError, toAppError } from '@inferry/contracts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Session, Sessions } from '../../identity/sessions.ts';
import { type Form, formOf, isFromOwnPage } from '../forms.ts';
import type { PageContext } from '../page-context.ts';
import type { Notice } from './account-view.ts';

/** What was done, told after the redirect that keeps a reload from doing it again. */
const done: Readonly<Record<string, string>> = {
  'key-added': 'The key was tried and stored.',
  'key-replaced': 'The new key was tried and is used from now on.',
  'key-works': 'The key works.',
  'key-removed': 'The key was deleted.',
  disconnected: 'The client was disconnected.',
  revoked: 'The API key was revoked.',
  accepted: 'You said yes. Tell your client to go on.',
  declined: 'You said no: nothing is run.',
  'batch-cancelled':
    'No more of the batch is started, and what is under way is stopped where its platform can.',
  'file-deleted': 'The file was deleted.',
  cancelled: 'The run was cancelled.',
  'cancel-asked': 'The platform was asked to stop. It may take a moment.',
  'cancel-late': 'The run had ended already.',
  'cancel-never': 'Its platform cannot stop a run: it goes on.',
  paused: 'The platform is sent nothing from now on: its runs wait.',
  drained: 'The platform takes no new runs from now on.',
  resumed: 'The platform goes on.',
  replayed: 'The webhook is sent again.',
};

export interface SignedIn {
  request: FastifyRequest;
  reply: FastifyReply;
  session: Session;
}

export interface Post extends SignedIn {
  form: Form;
  /** The id in the address. */
  id: string;
}

/** Does what a form asked for: the code of what was done, or what to show at once. */
export type Action<D> = (deps: D, post: Post) => Promise<string | Notice>;

interface PostDeps extends PageContext {
  sessions: Pick<Sessions, 'read' | 'isCsrf'>;
}

/** Where a form leads: to a page, or to that page at once with what is wrong. */
interface Answer<D> {
  action: Action<D>;
  next(post: Post): string;
  show(post: Post, notice: Notice): Promise<FastifyReply>;
}

export async function takePost<D extends PostDeps>(
  deps: D,
  { request, reply }: Pick<SignedIn, 'request' | 'reply'>,
  { action, next, show }: Answer<D>,
): Promise<FastifyReply> {
  const session = await sessionOfForm(deps, request);
  if (session === undefined) return reply.redirect('/account/sign-in', 303);
  const post: Post = { request, reply, session, form: formOf(request), id: idOf(request) };
  const outcome = await action(deps, post).catch((error: unknown): Notice => {
    const known = toAppError(error);
    if (known.code === 'internal') deps.onError(error);
    // Somebody else's is as unknown as what never was.
    const text = known.code === 'not_found' ? 'That is not there any more.' : known.message;
    return { kind: 'bad', text };
  });
  if (typeof outcome === 'string') return reply.redirect(`${next(post)}?done=${outcome}`, 303);
  return show(post, outcome);
}

/** Undefined: not signed in any more. Errors: `forbidden` for a form that is not from this session's own page. */
export async function sessionOfForm(deps: PostDeps, request: FastifyRequest): Promise<Session | undefined> {
  if (!isFromOwnPage(request, deps.publicUrl)) throw foreignForm();
  const session = await deps.sessions.read(request.headers);
  if (session !== undefined && !deps.sessions.isCsrf(session, formOf(request).get('csrf')))
    throw foreignForm();
  return session;
}

function foreignForm(): AppError {
  return new AppError(
    'forbidden',
    'This form was not sent from our page, so nothing was done. Go back and try again.',
  );
}

export function noticeOf(request: FastifyRequest): Notice | undefined {
  const code = queryOf(request, 'done');
  const text = Object.hasOwn(done, code) ? done[code] : undefined;
  return text === undefined ? undefined : { kind: 'good', text };
}

/** One value of the address's query; the empty text where it has none. */
export function queryOf({ query }: FastifyRequest, name: string): string {
  if (typeof query !== 'object' || query === null || !Object.hasOwn(query, name)) return '';
  const value: unknown = Object.getOwnPropertyDescriptor(query, name)?.value;
  return typeof value === 'string' ? value : '';
}

export function idOf({ params }: FastifyRequest): string {
  return typeof params === 'object' && params !== null && 'id' in params ? String(params.id) : '';
}
