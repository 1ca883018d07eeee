import type { Bus } from '@inferry/bus';
import { AppError, type Secret } from '@inferry/contracts';
import type { Database } from '@inferry/database';
import type { Limits } from '@inferry/limits';
import type { Branding } from '@inferry/pages';
import { type AddressRanges, pathOfUrl } from '@inferry/runtime';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Account, isOperator } from '../identity/accounts.ts';
import { type AttemptRules, defaultAttemptRules } from '../identity/attempts.ts';
import type { IdentityDriver } from '../identity/driver.ts';
import { createSessions, type Session } from '../identity/sessions.ts';
import type { UserConnections } from '../identity/user-connections.ts';
import type { Grants, Interactions, OAuthPages, OAuthViews } from '../oauth/index.ts';
import { mountAccount } from './account/account-routes.ts';
import { continuePage, problemPage } from './closing-pages.ts';
import { showConsent, takeConsent } from './consent-routes.ts';
import { mountConsole } from './console/console-routes.ts';
import { parseForms } from './forms.ts';
import { page } from './layout.ts';
import { answerErrorsWithPages, type PageContext, type ProfilePages } from './page-context.ts';
import { createPageHeaders, createSendPage } from './send-page.ts';
import { createVisits } from './sign-in/create-visits.ts';
import { type Step, showSignIn, takeCallback, takeSignIn } from './sign-in/sign-in-routes.ts';
import { type SignUpDeps, showSignUp, takeSignUp } from './sign-in/sign-up-routes.ts';
import type { Visit } from './sign-in/visit.ts';
import { createWays } from './sign-in/ways.ts';
import type { KeyProvider } from './sign-in-page.ts';

export interface PagesParts {
  bus: Pick<Bus, 'call' | 'publish'>;
  database: Database;
  limits: Limits;
  /** Late, because the authorization server that has them needs these pages first. */
  grants(): Pick<Grants, 'list' | 'revokeOwn'>;
  connections: UserConnections;
  drivers: readonly IdentityDriver[];
  keyProviders: readonly KeyProvider[];
  onError(error: unknown): void;
}

export interface PagesOptions {
  branding: Branding;
  /** Of profiles whose pages are not the deployment's. */
  profiles?: ReadonlyMap<string, ProfilePages> | undefined;
  /** Without a trailing slash. */
  publicUrl: string;
  /** Where files are: the deployment, whatever host these pages are at. Default: `publicUrl`. */
  filesUrl?: string | undefined;
  /** Who sees how the deployment does: ids of accounts, and user names of those that the operator made. */
  operators?: ReadonlySet<string> | undefined;
  /** 32 bytes in base64url, for these pages alone. */
  secret: Secret;
  proxies: AddressRanges;
  canSignUp?: boolean;
  sessionSeconds?: number;
  rules?: AttemptRules;
  now?: () => number;
}

/** All pages that people see: consent, signing in, the account, errors. */
export function createPages(parts: PagesParts, options: PagesOptions): OAuthPages {
  return {
    views: createViews((profile) => brandingAt(options, profile)),
    async mount(app, interactions) {
      const { publicUrl, filesUrl = publicUrl } = options;
      const headers = createPageHeaders(brandingsOf(options), { publicUrl, filesUrl });
      // Documents that are sent by others in this scope are ours too: the way back to a client, and errors.
      app.addHook('onSend', async (_request, reply, payload) => {
        const isPage = String(reply.getHeader('content-type')).startsWith('text/html');
        if (isPage) reply.headers(headers(String(payload)));
        return payload;
      });
      const path = pathOfUrl(options.publicUrl);
      if (path !== '') putBelow(app, path);
      await app.register(async (scope) => mountPages(scope, interactions, { parts, options }));
    },
  };
}

/**
 * Pages lead to each other by paths of this app; below a path of a shared host browsers need the whole of it. What people
 * or clients wrote is escaped and has no such attribute.
 */
function putBelow(app: FastifyInstance, path: string): void {
  app.addHook('onSend', async (_request, reply, payload) => {
    const location = reply.getHeader('location');
    if (typeof location === 'string' && /^\/(?!\/)/.test(location))
      reply.header('location', `${path}${location}`);
    const isPage = String(reply.getHeader('content-type')).startsWith('text/html');
    if (!isPage || typeof payload !== 'string') return payload;
    reply.removeHeader('content-length');
    return payload.replace(/( (?:action|href|src|poster)=")\/(?!\/)/g, `$1${path}/`);
  });
}

function brandingAt({ branding, profiles }: PagesOptions, profile: string | undefined): Branding {
  return profiles?.get(profile ?? '')?.branding ?? branding;
}

function brandingsOf({ branding, profiles = new Map() }: PagesOptions): Branding[] {
  return [branding, ...[...profiles.values()].flatMap(({ branding: own }) => own ?? [])];
}

function createViews(at: (profile: string | undefined) => Branding): OAuthViews {
  return {
    continueTo: ({ location, client, isDenied, profile }) =>
      page(
        at(profile),
        continuePage({
          brand: at(profile).name,
          clientName: client.name,
          isAllowed: !isDenied,
          url: location,
        }),
      ),
    problem: (problem) => page(at(undefined), problemPage(problem)),
  };
}

function mountPages(
  scope: FastifyInstance,
  interactions: Interactions,
  { parts, options }: { parts: PagesParts; options: PagesOptions },
): void {
  const { database, limits, connections, drivers, keyProviders, onError } = parts;
  const { branding, publicUrl, secret, proxies, rules = defaultAttemptRules, now = Date.now } = options;
  const isHttps = publicUrl.startsWith('https:');
  const idleSeconds = options.sessionSeconds ?? 12 * 3_600;
  const sessions = createSessions({
    ...{ database, secret, isHttps, idleSeconds, now },
    path: pathOfUrl(publicUrl),
  });
  const context: PageContext = { branding, send: createSendPage(branding), publicUrl, proxies, onError };
  const visits = createVisits({ interactions, sessions, bind: connections.bind, publicUrl, secret, now });
  const canSignUp = options.canSignUp === true && drivers.some(({ id }) => id === 'local');
  const vault = { put: connections.keep };
  const signIn = {
    ...context,
    ...{ accounts: { database, vault, now }, limits, rules, visits },
    waysAt: createWays({ drivers, keyProviders, canSignUp }, options.profiles, context),
  };
  const isUsable = (session: Session): Promise<boolean> => hasLiveKey(connections, session);
  const consent = { ...signIn, interactions, sessions, isUsable, bind: connections.bind };

  parseForms(scope);
  answerErrorsWithPages(scope, context);
  const again = (uid: string, take: Take): Take => repeatable(interactions, uid, take);
  scope.get('/oauth/interaction/:uid', (request, reply) => showConsent(consent, request, reply));
  scope.post('/oauth/interaction/:uid', (request, reply) =>
    again(uidOf(request), (...way) => takeConsent(consent, ...way))(request, reply),
  );
  scope.get('/oauth/callback/:driver', (request, reply) =>
    again(uidOfState(request), (...way) => takeCallback(signIn, { request: way[0], reply: way[1] }))(
      request,
      reply,
    ),
  );
  const places: Place[] = [
    {
      base: '/oauth/interaction/:uid',
      open: (request, reply) => visits.interaction(request, reply, uidOf(request)),
    },
    { base: '/account', open: async (request, reply) => visits.account(request, reply) },
  ];
  for (const place of places) mountSignIn(scope, { ...signIn, interactions }, place);
  const { bus } = parts;
  const grants: Pick<Grants, 'list' | 'revokeOwn'> = {
    list: (filter) => parts.grants().list(filter),
    revokeOwn: (request) => parts.grants().revokeOwn(request),
  };
  const own = {
    bus,
    sessions,
    now,
    isOperator: (account: Account) => isOperator(account, options.operators),
  };
  const account = { events: bus, database, limits, grants, connections, providers: keyProviders };
  mountAccount(scope, { ...context, ...own, ...account });
  mountConsole(scope, { ...context, ...own });
}

/** Where somebody signs in, and for what. */
interface Place {
  base: string;
  open(request: FastifyRequest, reply: FastifyReply): Promise<Visit>;
}

type Take = (request: FastifyRequest, reply: FastifyReply) => Promise<void>;

/** A form that comes again when its sign-in is over is answered as it was: people click twice, browsers send again. */
function repeatable(interactions: Pick<Interactions, 'repeat'>, uid: string, take: Take): Take {
  return async (request, reply) => {
    try {
      await take(request, reply);
    } catch (error) {
      const isForm = request.method === 'POST' || request.url.startsWith('/oauth/callback/');
      const isOver = isForm && error instanceof AppError && error.code === 'not_found';
      if (!isOver || !(await interactions.repeat(request, reply, uid))) throw error;
    }
  };
}

function mountSignIn(
  scope: FastifyInstance,
  deps: SignUpDeps & { interactions: Pick<Interactions, 'repeat'> },
  { base, open }: Place,
): void {
  const mount = (method: 'GET' | 'POST', url: string, take: (step: Step) => Promise<void>): void => {
    scope.route({
      method,
      url: `${base}${url}`,
      async handler(request, reply) {
        await repeatable(deps.interactions, uidOf(request), async () => {
          const visit = await open(request, reply);
          // A client is shown, and something allowed, before anybody signs in or is sent away for it.
          const isEarly = visit.purpose !== undefined && visit.state.scopes === undefined;
          if (isEarly) await reply.redirect(visit.base, 303);
          else await take({ visit, request, reply });
        })(request, reply);
        return reply;
      },
    });
  };
  mount('GET', '/sign-in', (step) => showSignIn(deps, step, queryOf(step.request).with));
  mount('POST', '/sign-in', (step) => takeSignIn(deps, step));
  mount('GET', '/sign-up', async (step) => showSignUp(deps, step));
  mount('POST', '/sign-up', (step) => takeSignUp(deps, step));
}

/** Whoever signed in with a key of theirs that is dead by now must bring another one. */
async function hasLiveKey(connections: UserConnections, { account }: Session): Promise<boolean> {
  if (!['apikey', 'handoff', 'runpod'].includes(account.driver)) return true;
  const own = (await connections.list(account.subject)).filter(({ owner }) => owner === 'user');
  return own.some(({ state }) => state !== 'rejected');
}

function uidOf({ params }: FastifyRequest): string {
  return typeof params === 'object' && params !== null && 'uid' in params ? String(params.uid) : '';
}

/** The sign-in that a driver's page sends the browser back to. */
function uidOfState({ query }: FastifyRequest): string {
  const state = typeof query === 'object' && query !== null && 'state' in query ? String(query.state) : '';
  return state.split('.')[0] ?? '';
}

function queryOf({ query }: FastifyRequest): { with?: string | undefined } {
  const asked = typeof query === 'object' && query !== null && 'with' in query ? query.with : undefined;
  return typeof asked === 'string' ? { with: asked } : {};
}
