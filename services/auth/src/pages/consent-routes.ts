import { AppError } from '@inferry/contracts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Session, Sessions } from '../identity/sessions.ts';
import { type Interactions, newGrantId, type SignIn } from '../oauth/index.ts';
import { consentPage } from './consent-page.ts';
import { formOf } from './forms.ts';
import { choicesFor, type ScopeChoice, scopesOfTicks } from './scope-choices.ts';
import { type SignInDeps, takeSignIn } from './sign-in/sign-in-routes.ts';
import type { Visits } from './sign-in/visit.ts';

export interface ConsentDeps extends SignInDeps {
  visits: Visits;
  interactions: Interactions;
  sessions: Sessions;
  /** False: the key that they signed in with is dead, and they must bring another. */
  isUsable(session: Session): Promise<boolean>;
  /** Makes a grant end with the key that its person signed in with. */
  bind(grant: { grantId: string; subject: string }): Promise<void>;
}

interface Way {
  request: FastifyRequest;
  reply: FastifyReply;
  signIn: SignIn;
}

export async function showConsent(
  deps: ConsentDeps,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const signIn = await deps.interactions.read(request);
  sendConsent(deps, { request, reply, signIn }, { session: await usableSession(deps, request) });
}

/** Allow, deny, or sign in as somebody else. */
export async function takeConsent(
  deps: ConsentDeps,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const { interactions, sessions } = deps;
  const signIn = await interactions.read(request);
  const form = formOf(request);
  interactions.checkForm(request, signIn, { csrf: form.get('csrf') });
  const decision = form.get('decision');
  if (decision === 'deny') return interactions.deny(request, reply);
  const session = await usableSession(deps, request);
  const here = `/oauth/interaction/${signIn.uid}`;
  if (decision === 'switch') {
    if (session !== undefined) reply.header('set-cookie', await sessions.end(session));
    return void reply.redirect(here, 303);
  }
  if (decision !== 'allow') throw new AppError('invalid_request', 'Choose Allow or Deny.');
  const scopes = scopesOfTicks(form.all('scope'), choicesOf(deps, signIn));
  if (scopes.length === 0) {
    const problem = 'Tick at least one thing that it may do, or deny.';
    return sendConsent(deps, { request, reply, signIn }, { session, problem });
  }
  if (session !== undefined) {
    const { subject, display } = session.account;
    const grantId = newGrantId();
    await deps.bind({ grantId, subject });
    return interactions.finish(request, reply, { subject, display, scopes, grantId });
  }
  await interactions.saveStash(signIn, { scopes });
  if (deps.waysAt(signIn.profile).isKeyFirst && form.get('key') !== '') {
    const visit = await deps.visits.interaction(request, reply, signIn.uid);
    return takeSignIn(deps, { visit, request, reply });
  }
  await reply.redirect(`${here}/sign-in`, 303);
}

async function usableSession(deps: ConsentDeps, request: FastifyRequest): Promise<Session | undefined> {
  const session = await deps.sessions.read(request.headers);
  return session !== undefined && (await deps.isUsable(session)) ? session : undefined;
}

function choicesOf({ waysAt }: ConsentDeps, { requestedScopes, profile }: SignIn): ScopeChoice[] {
  return choicesFor(requestedScopes, waysAt(profile).offeredScopes);
}

function sendConsent(
  deps: ConsentDeps,
  { reply, signIn }: Way,
  { session, problem }: { session: Session | undefined; problem?: string },
): void {
  const { branding, send, isKeyFirst, keyProviders } = deps.waysAt(signIn.profile);
  const page = consentPage({
    brand: branding.name,
    client: signIn.client,
    choices: choicesOf(deps, signIn),
    person: session?.account.display,
    keys: isKeyFirst && session === undefined ? keyProviders : [],
    action: `/oauth/interaction/${signIn.uid}`,
    csrf: signIn.csrf,
    problem,
  });
  send(reply, { ...page, status: problem === undefined ? 200 : 422 });
}
