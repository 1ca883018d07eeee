import type { Bus } from '@inferry/bus';
import { AppError } from '@inferry/contracts';
import { answerConfirmation, countLiveKeys } from '@inferry/database';
import type { Limits } from '@inferry/limits';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { parseProviderKey, problemOfProbe } from '../../identity/apikey/apikey-driver.ts';
import type { Sessions } from '../../identity/sessions.ts';
import type { KeyVerdict } from '../../identity/user-connections.ts';
import { createKey, listKeys, revokeKey } from '../../keys/keys.ts';
import { addressOf, type PageContext } from '../page-context.ts';
import { accountPage } from './account-page.ts';
import type { Notice } from './account-view.ts';
import {
  type Action as ActionOf,
  noticeOf,
  type Post,
  type SignedIn,
  sessionOfForm,
  takePost,
} from './post.ts';
import { type AccountSources, keyRights, readAccount } from './read-account.ts';

export interface AccountRouteDeps extends PageContext, AccountSources {
  sessions: Sessions;
  limits: Limits;
  events: Pick<Bus, 'publish'>;
}

type Action = ActionOf<AccountRouteDeps>;

export function mountAccount(scope: FastifyInstance, deps: AccountRouteDeps): void {
  scope.get('/account', async (request, reply) => {
    const session = await deps.sessions.read(request.headers);
    if (session === undefined) return reply.redirect('/account/sign-in', 303);
    return show(deps, { request, reply, session }, noticeOf(request));
  });
  const actions: Readonly<Record<string, Action>> = {
    '/account/connections': addConnection,
    '/account/connections/:id/replace': replaceConnection,
    '/account/connections/:id/test': testConnection,
    '/account/connections/:id/remove': removeConnection,
    '/account/clients/:id/revoke': disconnectClient,
    '/account/confirmations/:id/accept': answerWith('accepted'),
    '/account/confirmations/:id/decline': answerWith('declined'),
    '/account/keys': createApiKey,
    '/account/keys/:id/revoke': revokeApiKey,
  };
  for (const [url, action] of Object.entries(actions)) {
    scope.post(url, (request, reply) =>
      takePost(
        deps,
        { request, reply },
        { action, next: () => '/account', show: (...way) => show(deps, ...way) },
      ),
    );
  }
  scope.post('/account/sign-out', async (request, reply) => {
    const session = await sessionOfForm(deps, request);
    if (session !== undefined) reply.header('set-cookie', await deps.sessions.end(session));
    return reply.redirect('/account/sign-in', 303);
  });
}

async function show(
  deps: AccountRouteDeps,
  { reply, session }: SignedIn,
  notice?: Notice,
): Promise<FastifyReply> {
  const view = await readAccount(deps, session);
  const status = notice?.kind === 'bad' ? 422 : 200;
  return deps.send(reply, { ...accountPage(deps.branding, { ...view, notice }), status });
}

const addConnection: Action = async (deps, post) => {
  const { form, session } = post;
  const provider = deps.providers.find(({ slug }) => slug === form.get('provider'));
  const key = parseProviderKey(form.get('key'));
  if (provider === undefined || key === undefined)
    return { kind: 'bad', text: 'That is not a key. Copy all of it.' };
  await takeProbe(deps, post);
  const { subject } = session.account;
  const verdict = await deps.connections.add({ subject, provider: provider.slug, key });
  return outcomeOf(verdict, provider.title, 'key-added');
};

const replaceConnection: Action = async (deps, post) => {
  const { form, session, id } = post;
  const key = parseProviderKey(form.get('key'));
  if (key === undefined) return { kind: 'bad', text: 'That is not a key. Copy all of it.' };
  await takeProbe(deps, post);
  const { subject } = session.account;
  const verdict = await deps.connections.replace({ subject, connectionId: id, key });
  return outcomeOf(verdict, 'The provider', 'key-replaced');
};

const testConnection: Action = async (deps, post) => {
  await takeProbe(deps, post);
  const { subject } = post.session.account;
  const verdict = await deps.connections.probe({ subject, connectionId: post.id });
  if (verdict === 'unknown')
    return { kind: 'bad', text: 'The provider could not be asked. The key is kept as it is.' };
  return outcomeOf(verdict, 'The provider', 'key-works');
};

const removeConnection: Action = async ({ connections }, { session, id }) => {
  await connections.remove({ subject: session.account.subject, connectionId: id });
  return 'key-removed';
};

const disconnectClient: Action = async ({ grants }, { session, id }) => {
  const isEnded = await grants.revokeOwn({ grantId: id, subject: session.account.subject });
  if (!isEnded) throw new AppError('not_found', 'There is no such client.');
  return 'disconnected';
};

/** Only whose run it is can say so. */
function answerWith(answer: 'accepted' | 'declined'): Action {
  return async ({ database, now }, { session, id }) => {
    const { subject } = session.account;
    const isTaken = await answerConfirmation(database.queries, { id, subject, answer, at: now() });
    if (!isTaken) throw new AppError('not_found', 'There is nothing to confirm.');
    return answer;
  };
}

/** Enough for every script of a person, and a bound for whoever writes a script that makes keys. */
const maxKeys = 50;
const maxDays = 3_650;
const keyLockMs = 5_000;

const createApiKey: Action = async (deps, { form, session }) => {
  const { database, limits, now } = deps;
  const { subject } = session.account;
  const days = parseDays(form.get('days'));
  if (days === undefined)
    return { kind: 'bad', text: `A key ends after 1 to ${maxDays} whole days, or has no end: choose one.` };
  const rights = form.get('rights');
  const scopes = Object.hasOwn(keyRights, rights) ? keyRights[rights] : undefined;
  if (scopes === undefined) return { kind: 'bad', text: 'Choose what the key may do.' };
  const lock = `account-keys/${subject}`;
  const token = await limits.acquire(lock, keyLockMs);
  if (token === undefined) return { kind: 'bad', text: 'Another key is being made. Try again.' };
  try {
    const at = now();
    const count = await countLiveKeys(database.queries, { subject, at });
    if (count >= maxKeys)
      return { kind: 'bad', text: `You have ${count} keys, and more are not allowed. Revoke one first.` };
    const created = await createKey(database, {
      name: form.get('name').trim(),
      ...{ subject, scopes, now: at, madeBy: 'account' },
      expiresAt: days === 'none' ? undefined : at + days * 86_400_000,
    });
    const text = 'This is the new key. It is shown this once: copy it now.';
    return { kind: 'good', text, secret: created.key.reveal() };
  } finally {
    await limits.release(lock, token);
  }
};

/** Whole days; `none` where the form says so; undefined for anything else: a key without an end is made by nobody's slip. */
function parseDays(text: string): number | 'none' | undefined {
  if (text === '') return 'none';
  const days = /^[1-9]\d{0,3}$/.test(text) ? Number(text) : 0;
  return days >= 1 && days <= maxDays ? days : undefined;
}

const revokeApiKey: Action = async ({ database, events }, { session, id }) => {
  const own = await listKeys(database, session.account.subject);
  if (!own.some(({ keyId }) => keyId === id)) throw new AppError('not_found', 'There is no such key.');
  await revokeKey(database, id, { bus: events });
  return 'revoked';
};

function outcomeOf(verdict: KeyVerdict, title: string, code: string): string | Notice {
  return verdict === 'ok' ? code : { kind: 'bad', text: problemOfProbe(verdict, title) };
}

/** Keys are tried at somebody else's place: a signed-in person cannot use us to guess them either. */
async function takeProbe(deps: AccountRouteDeps, { request, session }: Post): Promise<void> {
  const rule = { limit: 20, windowMs: 10 * 60_000 };
  const verdicts = await deps.limits.hitAll([
    { key: `account-probe:${session.account.subject}`, rule },
    { key: `account-probe-ip:${addressOf(deps, request)}`, rule: { ...rule, limit: 60 } },
  ]);
  if (!verdicts.every(({ isAllowed }) => isAllowed))
    throw new AppError('rate_limited', 'Too many keys were tried. Wait a few minutes.');
}
