import { randomBytes } from 'node:crypto';
import { AppError, type Scope, type Secret } from '@inferry/contracts';
import { displayText } from '@inferry/pages';
import { pathOfUrl } from '@inferry/runtime';
import { createMac, isSameText } from '@inferry/seals';
import { z } from 'zod';
import type { Sessions } from '../../identity/sessions.ts';
import { type Interactions, newGrantId } from '../../oauth/index.ts';
import { isFromOwnPage } from '../forms.ts';
import { createSealedCookie } from '../sealed-cookie.ts';
import { accountStateKey, type Visit, VisitState, type Visits } from './visit.ts';

export interface VisitDeps {
  interactions: Interactions;
  sessions: Sessions;
  /** Makes a grant end with the key that its person signed in with. */
  bind(grant: { grantId: string; subject: string }): Promise<void>;
  publicUrl: string;
  secret: Secret;
  now(): number;
}

const visitSeconds = 900;
const AccountVisit = z.object({ id: z.string(), state: VisitState });
type AccountVisit = z.infer<typeof AccountVisit>;

export function createVisits(deps: VisitDeps): Visits {
  const { publicUrl, secret, now } = deps;
  const mac = createMac(secret);
  const cookie = createSealedCookie<AccountVisit>({
    name: 'inferry-account-visit',
    secret,
    isHttps: publicUrl.startsWith('https:'),
    path: pathOfUrl(publicUrl),
    maxAgeSeconds: visitSeconds,
    parse: (value) => AccountVisit.safeParse(value).data,
    now,
  });
  return {
    interaction: (request, reply, uid) => interactionVisit(deps, { request, reply, uid }),
    account(request, reply) {
      const known = cookie.read(request.headers);
      const isPage = request.method === 'GET' && request.url.startsWith('/account/');
      if (known === undefined && !isPage)
        throw new AppError('forbidden', 'This sign-in was begun in another browser, or cookies are off.');
      const visit = known ?? { id: randomBytes(16).toString('base64url'), state: {} };
      if (known === undefined) reply.header('set-cookie', cookie.write(visit));
      const csrf = mac(`visit|${visit.id}`).toString('base64url');
      return {
        id: visit.id,
        base: '/account',
        stateKey: accountStateKey,
        purpose: undefined,
        profile: undefined,
        csrf,
        state: visit.state,
        check(form) {
          if (isFromOwnPage(request, publicUrl) && isSameText(form.get('csrf'), csrf)) return;
          throw new AppError('forbidden', 'This form was not sent from our page. Go back and try again.');
        },
        async save(state) {
          reply.header('set-cookie', cookie.write({ id: visit.id, state }));
        },
        async complete(account) {
          reply.header('set-cookie', cookie.clear());
          reply.header('set-cookie', await deps.sessions.begin(account));
          await reply.redirect('/account', 303);
        },
      };
    },
  };
}

async function interactionVisit(
  { interactions, sessions, bind }: VisitDeps,
  way: {
    request: Parameters<Visits['interaction']>[0];
    reply: Parameters<Visits['interaction']>[1];
    uid: string;
  },
): Promise<Visit> {
  const { request, reply, uid } = way;
  const signIn = await interactions.read(request, uid);
  const state = VisitState.safeParse(signIn.stash).data ?? {};
  return {
    id: uid,
    base: `/oauth/interaction/${uid}`,
    stateKey: uid,
    purpose: displayText(signIn.client.name),
    profile: signIn.profile,
    csrf: signIn.csrf,
    state,
    check: (form) => interactions.checkForm(request, signIn, { csrf: form.get('csrf') }),
    save: (next) => interactions.saveStash(signIn, next),
    async complete(account) {
      if (state.scopes === undefined)
        throw new AppError('forbidden', 'Nothing was allowed yet. Go back to the client and connect again.');
      reply.header('set-cookie', await sessions.begin(account));
      // as: written from the ticks of the consent page, which are scopes.
      const scopes = state.scopes as Scope[];
      const { subject, display } = account;
      const grantId = newGrantId();
      await bind({ grantId, subject });
      await interactions.finish(request, reply, { uid, subject, display, scopes, grantId });
    },
  };
}
