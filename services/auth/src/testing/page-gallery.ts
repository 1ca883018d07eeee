import { type Branding, ownBranding } from '@inferry/pages';
import { accountPage } from '../pages/account/account-page.ts';
import type { AccountView } from '../pages/account/account-view.ts';
import { authorizationError, continuePage, errorPage, problemPage } from '../pages/closing-pages.ts';
import { type ConsentView, consentPage } from '../pages/consent-page.ts';
import { type PageParts, page } from '../pages/layout.ts';
import { choicesFor } from '../pages/scope-choices.ts';
import { type SignInMethod, type SignInView, signInPage } from '../pages/sign-in-page.ts';
import { signUpPage } from '../pages/sign-up-page.ts';
import { consoleParts, shownBudgets, shownRuns } from './console-gallery.ts';

const now = Date.parse('2026-11-21T15:00:00Z');
const minute = 60_000;

const consent: ConsentView = {
  brand: 'Inferry',
  client: { name: 'Claude', verifiedHost: 'claude.ai', redirectHost: 'claude.ai', isLoopback: false },
  choices: choicesFor(['mcp']),
  person: undefined,
  keys: [],
  action: '/oauth/interaction/uid',
  csrf: 'csrf',
};

const methods: Record<'local' | 'apikey' | 'oidc' | 'handoff', SignInMethod> = {
  local: { id: 'local', kind: 'password', label: 'Sign in with a password', canSignUp: true },
  apikey: {
    id: 'apikey',
    kind: 'key',
    label: 'Use a provider’s API key',
    providers: [
      { slug: 'runware', title: 'Runware' },
      { slug: 'runpod', title: 'Runpod' },
    ],
  },
  oidc: { id: 'oidc', kind: 'redirect', label: 'Continue with Acme SSO' },
  handoff: { id: 'handoff', kind: 'redirect', label: 'Continue with Runpod' },
};

const signIn: SignInView = {
  brand: 'Inferry',
  methods: [methods.local],
  open: methods.local,
  purpose: 'Claude Code',
  action: '/account/sign-in',
  linkTo: (method) => `?with=${method}`,
  csrf: 'csrf',
};

const account: AccountView = {
  account: { subject: 'acct_1', driver: 'local', display: 'Ada Lovelace' },
  csrf: 'csrf',
  isOperator: false,
  now,
  connections: [
    {
      ...{ connection_id: 'conn_1', provider: 'runware', label: 'Key …9f3c', owner: 'user', state: 'ok' },
      ...{ account: 'ada@example.com', balance: { amount: 12.4, currency: 'USD' } },
      checked_at: new Date(now - 3 * minute).toISOString(),
      created_at: new Date(now - 9_000 * minute).toISOString(),
    },
    {
      ...{
        connection_id: 'conn_2',
        provider: 'runpod',
        label: 'Key …77aa',
        owner: 'user',
        state: 'rejected',
      },
      checked_at: new Date(now - 200 * minute).toISOString(),
      created_at: new Date(now - 90_000 * minute).toISOString(),
    },
    {
      ...{
        connection_id: 'conn_3',
        provider: 'fal',
        label: 'deployment',
        owner: 'deployment',
        state: 'unknown',
      },
      created_at: new Date(now - 90_000 * minute).toISOString(),
    },
  ],
  providers: [
    { slug: 'runware', title: 'Runware' },
    { slug: 'runpod', title: 'Runpod' },
  ],
  clients: [
    {
      ...{ grantId: 'grant_1', name: 'Claude', verifiedHost: 'claude.ai', scopes: ['mcp'] },
      ...{ createdAt: now - 30_000 * minute, lastUsedAt: now - 4 * minute },
    },
    {
      ...{ grantId: 'grant_2', name: 'mcp-remote (my-agent) 0.15.1', scopes: ['models:read', 'runs:read'] },
      ...{ createdAt: now - 3_000 * minute, lastUsedAt: undefined },
    },
  ],
  keys: [
    {
      ...{ keyId: 'key_1', name: 'nightly batch on the build server', scopes: ['mcp'] },
      ...{
        createdAt: now - 30_000 * minute,
        lastUsedAt: now - 700 * minute,
        expiresAt: now + 90_000 * minute,
      },
    },
  ],
  confirmations: [
    {
      id: 'confirm_1',
      model: 'runware/klingai:kling-video@3',
      price: 'up to 4.2 USD',
      client: 'Cursor',
      askedAt: now - 60_000,
    },
  ],
  usage: {
    ...{ runs: 1_284, charged: 48.217, currency: 'USD', since: '2026-11-01T00:00:00Z' },
    today: { charged: 3.4 },
  },
  budgets: shownBudgets,
  open: { runs: shownRuns.slice(0, 2), isMore: false },
  runs: [
    {
      ...{ run_id: 'run_1', status: 'running', model: 'runware/klingai:6@0' },
      ...{ created_at: new Date(now - minute / 2).toISOString(), cost: { reserved: 0.35, currency: 'USD' } },
    },
    {
      ...{ run_id: 'run_2', status: 'succeeded', model: 'fal/fal-ai/bytedance/seedream/v4/text-to-image' },
      ...{ created_at: new Date(now - 5 * minute).toISOString(), cost: { charged: 0.03, currency: 'USD' } },
    },
    {
      ...{ run_id: 'run_3', status: 'failed', model: 'runpod/whisper-v3-large' },
      ...{ created_at: new Date(now - 95 * minute).toISOString(), cost: { charged: 0, currency: 'USD' } },
    },
    {
      ...{ run_id: 'run_4', status: 'succeeded', model: 'local/upscale' },
      ...{
        created_at: new Date(now - 3_000 * minute).toISOString(),
        cost: { charged: 0.0004, currency: 'USD' },
      },
    },
  ],
};

const hostileName = `<script>alert(1)</script>"><img src=x onerror=alert(2)>\u202E${'W'.repeat(120)}`;

const parts: Readonly<Record<string, (branding: Branding) => PageParts>> = {
  'consent-verified': () => consentPage(consent),
  'consent-loopback': () =>
    consentPage({
      ...consent,
      client: { name: 'Claude Code', redirectHost: '127.0.0.1:33418', isLoopback: true },
    }),
  'consent-signed-in': () =>
    consentPage({
      ...consent,
      client: { name: 'Cursor', redirectHost: 'cursor:', isLoopback: false },
      person: 'Ada Lovelace',
    }),
  'consent-nothing-ticked': () =>
    consentPage({ ...consent, problem: 'Tick at least one thing that it may do, or deny.' }),
  'consent-hostile': () =>
    consentPage({
      ...consent,
      client: {
        name: hostileName,
        redirectHost: `${'a'.repeat(60)}.${'b'.repeat(60)}.example`,
        isLoopback: false,
      },
      person: hostileName,
    }),
  'sign-in': () => signInPage(signIn),
  'sign-in-wrong': () =>
    signInPage({
      ...signIn,
      entered: { userName: 'ada' },
      problem: 'The user name or the password is not right.',
    }),
  'sign-in-chooser': () => signInPage({ ...signIn, methods: Object.values(methods) }),
  'sign-in-elsewhere': () =>
    signInPage({
      ...signIn,
      methods: [methods.oidc],
      open: methods.oidc,
      problem: 'You were not signed in there. Try again, or choose another way.',
    }),
  key: () => signInPage({ ...signIn, methods: [methods.apikey], open: methods.apikey }),
  'key-refused': () =>
    signInPage({
      ...signIn,
      methods: [methods.apikey, methods.oidc],
      open: {
        ...methods.apikey,
        id: 'apikey',
        kind: 'key',
        providers: [{ slug: 'runware', title: 'Runware' }],
      },
      problem: 'Runware does not accept this key. Check that it is whole and not revoked.',
    }),
  'sign-up': () =>
    signUpPage({
      brand: 'Inferry',
      action: '/account/sign-up',
      signInUrl: '/account/sign-in',
      csrf: 'csrf',
      minPassword: 12,
    }),
  done: () =>
    continuePage({
      brand: 'Inferry',
      clientName: 'Claude',
      isAllowed: true,
      url: 'https://claude.ai/callback?code=1',
    }),
  'done-app': () =>
    continuePage({
      brand: 'Inferry',
      clientName: 'Cursor',
      isAllowed: true,
      url: 'cursor://mcp/callback?code=1',
    }),
  denied: () =>
    continuePage({
      brand: 'Inferry',
      clientName: 'Cursor',
      isAllowed: false,
      url: 'cursor://mcp/callback?error=1',
    }),
  'unknown-client': () => errorPage(authorizationError('invalid_client')),
  'bad-redirect': () =>
    problemPage({
      code: 'invalid_redirect_uri',
      title: '',
      message:
        'This redirect_uri is refused: https is only for known hosts, and evil.example is not one of them.',
    }),
  expired: () => errorPage(authorizationError('not_found')),
  'cross-site': () => errorPage(authorizationError('forbidden')),
  failed: () =>
    problemPage({
      code: 'invalid_request',
      title: 'This request cannot be read',
      message: 'missing required parameter(s) code_challenge. Start again from your client.',
    }),
  account: (branding) => accountPage(branding, account),
  'account-new-key': (branding) =>
    accountPage(branding, {
      ...account,
      notice: {
        kind: 'good',
        text: 'This is the new key. It is shown this once: copy it now.',
        secret: 'ifr_s3Vh0m2qkX8yZc5nB1tR7wLpQ9dFgJ4aEuKxTvMiOyN',
      },
    }),
  'account-empty': (branding) =>
    accountPage(branding, {
      ...account,
      connections: [],
      clients: [],
      keys: [],
      runs: [],
      open: undefined,
      budgets: [],
      usage: undefined,
    }),
  'account-away': (branding) =>
    accountPage(branding, {
      ...account,
      ...{ connections: undefined, clients: undefined, keys: undefined, runs: undefined, usage: undefined },
      notice: {
        kind: 'bad',
        text: 'Runware does not accept this key. Check that it is whole and not revoked.',
      },
    }),
};

/** Of another brand the colours differ, and its states do not. */
function consolePartsIn(branding: Branding): typeof consoleParts {
  if (branding === ownBranding) return consoleParts;
  const telling = ['runs', 'run-open', 'run-ended', 'costs', 'operator', 'batch'];
  return Object.fromEntries(Object.entries(consoleParts).filter(([name]) => telling.includes(name)));
}

/** Every page in every state that looks different, as whole documents. */
export function pageGallery(branding: Branding = ownBranding): { name: string; html: string }[] {
  return Object.entries({ ...parts, ...consolePartsIn(branding) }).map(([name, make]) => ({
    name,
    // The pages that go on by themselves stay here, to be looked at.
    html: page(branding, { ...make(branding), onward: undefined }),
  }));
}
