/** What the pages behind the account are given, and how they ask other services: as the person who looks, with no more rights than they need. */
import type { Bus } from '@inferry/bus';
import { AppError, type Principal } from '@inferry/contracts';
import type { FastifyReply } from 'fastify';
import type { Account } from '../../identity/accounts.ts';
import type { Session, Sessions } from '../../identity/sessions.ts';
import { pagePrincipal } from '../../identity/user-connections.ts';
import type { Notice } from '../account/account-view.ts';
import type { SignedIn } from '../account/post.ts';
import type { PageParts } from '../layout.ts';
import type { PageContext } from '../page-context.ts';
import type { Viewer } from './frame.ts';

export interface ConsoleDeps extends PageContext {
  bus: Pick<Bus, 'call'>;
  sessions: Sessions;
  isOperator(account: Account): boolean;
  now(): number;
}

export type Show = (deps: ConsoleDeps, way: SignedIn, notice?: Notice) => Promise<FastifyReply>;

const questionTimeoutMs = 4_000;

export function viewerOf({ isOperator, now }: ConsoleDeps, { account, csrf }: Session): Viewer {
  return { csrf, isOperator: isOperator(account), now: now() };
}

/** Of the page of a form that went wrong, its status says so. */
export function sender(
  { send }: ConsoleDeps,
  { reply }: SignedIn,
  notice?: Notice,
): (parts: PageParts) => FastifyReply {
  return (parts) => send(reply, { ...parts, status: notice?.kind === 'bad' ? 422 : 200 });
}

export function asking(
  { session }: SignedIn,
  ...scopes: string[]
): { principal: Principal; timeoutMs: number } {
  const principal = pagePrincipal(session.account.subject);
  return {
    principal: { ...principal, scopes: [...principal.scopes, ...scopes] },
    timeoutMs: questionTimeoutMs,
  };
}

/** What could not be read is left out, and the page says so; whoever asks for what is not there is told that. */
export function part<T>({ onError }: ConsoleDeps, reading: Promise<T>): Promise<T | undefined> {
  return reading.catch((error: unknown) => {
    if (error instanceof AppError && ['invalid_cursor', 'run_not_found'].includes(error.code)) throw error;
    onError(error);
    return undefined;
  });
}

export function missing(): AppError {
  return new AppError('not_found', 'There is nothing here.');
}
