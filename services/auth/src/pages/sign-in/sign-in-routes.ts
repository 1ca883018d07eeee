import { createHash, randomBytes } from 'node:crypto';
import { AppError } from '@inferry/contracts';
import type { Limits } from '@inferry/limits';
import { isSameText } from '@inferry/seals';
import { metrics } from '@opentelemetry/api';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Account, type AccountDeps, admit } from '../../identity/accounts.ts';
import type { FormDriver, IdentityDriver, RedirectDriver, SignInOutcome } from '../../identity/driver.ts';
import { type Form, formOf } from '../forms.ts';
import { abortOf, addressOf, type PageContext } from '../page-context.ts';
import { type SignInMethod, signInPage } from '../sign-in-page.ts';
import type { Visit, Visits } from './visit.ts';
import type { Ways, WaysAt } from './ways.ts';

export interface SignInDeps extends PageContext {
  accounts: AccountDeps;
  /** What a profile's people are offered. */
  waysAt: WaysAt;
}

/** One request of a visit. */
export interface Step {
  visit: Visit;
  request: FastifyRequest;
  reply: FastifyReply;
}

/** Shows the form of the asked for driver; where there is only one and it is elsewhere, goes there at once. */
export async function showSignIn(deps: SignInDeps, step: Step, asked?: string): Promise<void> {
  const { drivers } = deps.waysAt(step.visit.profile);
  const [first, second] = drivers;
  if (first?.kind === 'redirect' && second === undefined && step.visit.purpose !== undefined)
    return leaveFor(deps, step, first);
  const open = drivers.find(({ id }) => id === asked) ?? first;
  if (open === undefined) throw new AppError('unavailable', 'There is no way to sign in.');
  sendForm(deps, step, { open });
}

/** What was posted: a form of ours is tried, a button of another driver leads there. */
export async function takeSignIn(deps: SignInDeps, step: Step): Promise<void> {
  const form = formOf(step.request);
  step.visit.check(form);
  const { drivers } = deps.waysAt(step.visit.profile);
  const driver = drivers.find(({ id }) => id === form.get('driver'));
  if (driver === undefined) throw new AppError('invalid_request', 'There is no such way to sign in.');
  if (driver.kind === 'redirect') return leaveFor(deps, step, driver);
  const fields = form.fields();
  refuseOtherKeys(deps.waysAt(step.visit.profile), driver, fields.provider);
  const outcome = await driver.submit({
    fields,
    address: addressOf(deps, step.request),
    transaction: step.visit.id,
  });
  const account = await accountOf(deps, outcome);
  countSignIn(driver.id, typeof account !== 'string');
  if (typeof account !== 'string') return step.visit.complete(account);
  sendForm(deps, step, { open: driver, problem: account, form, status: 422 });
}

/** A profile of one platform is not opened with the key of another one. */
function refuseOtherKeys({ keyProviders }: Ways, { id }: IdentityDriver, slug: string | undefined): void {
  if (id === 'apikey' && !keyProviders.some((one) => one.slug === slug))
    throw new AppError('invalid_request', 'Choose a provider.');
}

async function leaveFor(deps: SignInDeps, step: Step, driver: RedirectDriver): Promise<void> {
  const { visit, request, reply } = step;
  const state = `${visit.stateKey}.${randomBytes(24).toString('base64url')}`;
  const callbackUrl = callbackUrlOf(deps, driver);
  try {
    const { url, stash } = await driver.begin({ state, callbackUrl, signal: abortOf(request) });
    await visit.save({ ...visit.state, pending: { driver: driver.id, state, stash } });
    await reply.redirect(url, 303);
  } catch (error) {
    deps.onError(error);
    throw new AppError('unavailable', 'The place to sign in does not answer.', { cause: error });
  }
}

/** Longer than a sign-in may take. */
const elsewhereMs = 3_600_000;

/** The browser is back from a driver's own page. */
export async function takeCallback(
  deps: SignInDeps & { visits: Visits; limits: Pick<Limits, 'note' | 'readNote'> },
  { request, reply }: Omit<Step, 'visit'>,
): Promise<void> {
  // As the driver knows it: below the path of the public URL.
  const url = new URL(`${deps.publicUrl}${request.url}`);
  const state = url.searchParams.get('state') ?? '';
  const key = state.split('.')[0] ?? '';
  const elsewhere = `sign-in-elsewhere:${createHash('sha256').update(state).digest('base64url')}`;
  const visit = await visitOfState(deps.visits, { request, reply, key }).catch(async (error: unknown) => {
    // Who came is not who began: the one who began gets nothing of what was approved here.
    if (error instanceof AppError && error.code === 'forbidden')
      await deps.limits.note(elsewhere, 'yes', elsewhereMs).catch(() => undefined);
    throw error;
  });
  const { pending } = visit.state;
  const { drivers } = deps.waysAt(visit.profile);
  const driver = drivers.find(({ id }) => id === pending?.driver);
  const isExpected =
    pending !== undefined &&
    isSameText(state, pending.state) &&
    url.pathname === new URL(callbackUrlOf(deps, pending)).pathname;
  if (!isExpected || driver?.kind !== 'redirect')
    throw new AppError('forbidden', 'This browser did not begin this sign-in. Start again from the client.');
  // Once: whatever comes of it, the same address is not taken again.
  await visit.save({ ...visit.state, pending: undefined });
  const callbackUrl = callbackUrlOf(deps, driver);
  const { stash } = pending;
  const outcome = await driver.callback({
    ...{ url, state, callbackUrl, stash, signal: abortOf(request) },
    wasElsewhere: async () => (await deps.limits.readNote(elsewhere)) !== undefined,
  });
  const account = await accountOf(deps, outcome);
  countSignIn(driver.id, typeof account !== 'string');
  if (typeof account !== 'string') return visit.complete(account);
  sendForm(deps, { visit, request, reply }, { open: driver, problem: account, status: 422 });
}

async function visitOfState(
  visits: Visits,
  { request, reply, key }: Omit<Step, 'visit'> & { key: string },
): Promise<Visit> {
  return key === 'account' ? visits.account(request, reply) : visits.interaction(request, reply, key);
}

function callbackUrlOf({ publicUrl }: PageContext, driver: { id: string } | { driver: string }): string {
  return `${publicUrl}/oauth/callback/${'id' in driver ? driver.id : driver.driver}`;
}

function countSignIn(driver: string, isAdmitted: boolean): void {
  const counter = metrics.getMeter('@inferry/auth').createCounter('inferry.auth.sign_ins', {
    description: 'Tries to sign in, by the way and how they ended',
  });
  counter.add(1, { driver, outcome: isAdmitted ? 'admitted' : 'refused' });
}

/** The account, or the sentence for the page. */
async function accountOf(deps: SignInDeps, outcome: SignInOutcome): Promise<Account | string> {
  if ('problem' in outcome) return outcome.problem;
  return (await admit(deps.accounts, outcome.identity)) ?? 'This account is closed here.';
}

interface FormView {
  open: IdentityDriver;
  problem?: string;
  form?: Form;
  status?: number;
}

function sendForm(deps: SignInDeps, { visit, reply }: Step, { open, problem, form, status }: FormView): void {
  const ways = deps.waysAt(visit.profile);
  const page = signInPage({
    brand: ways.branding.name,
    methods: ways.drivers.map((driver) => toMethod(ways, driver)),
    open: toMethod(ways, open),
    purpose: visit.purpose,
    action: `${visit.base}/sign-in`,
    linkTo: (method) =>
      method === 'sign-up' ? `${visit.base}/sign-up` : `${visit.base}/sign-in?with=${method}`,
    csrf: visit.csrf,
    entered: form && { userName: form.get('user_name'), provider: form.get('provider') },
    problem,
  });
  ways.send(reply, { ...page, status: status ?? 200 });
}

function toMethod({ keyProviders, canSignUp }: Ways, driver: FormDriver | RedirectDriver): SignInMethod {
  const { id, label } = driver;
  if (id === 'local') return { id, label, kind: 'password', canSignUp };
  if (id === 'apikey') return { id, label, kind: 'key', providers: keyProviders };
  return { id, label, kind: 'redirect' };
}
