import { AppError } from '@inferry/contracts';
import type { Limits } from '@inferry/limits';
import { createLocalAccount } from '../../identity/accounts.ts';
import { type AttemptRules, takeAttempt, tooManyTries } from '../../identity/attempts.ts';
import { minPasswordLength } from '../../identity/local/password.ts';
import { type Form, formOf } from '../forms.ts';
import { addressOf } from '../page-context.ts';
import { signUpPage } from '../sign-up-page.ts';
import type { SignInDeps, Step } from './sign-in-routes.ts';

export interface SignUpDeps extends SignInDeps {
  limits: Limits;
  rules: AttemptRules;
}

export function showSignUp(deps: SignInDeps, step: Step): void {
  refuseUnlessOpen(deps, step);
  sendForm(deps, step, {});
}

/** Makes an account, and signs in with it. */
export async function takeSignUp(deps: SignUpDeps, step: Step): Promise<void> {
  refuseUnlessOpen(deps, step);
  const form = formOf(step.request);
  step.visit.check(form);
  const { isAllowed } = await takeAttempt(deps.limits, deps.rules, {
    driver: 'sign-up',
    address: addressOf(deps, step.request),
    transaction: step.visit.id,
  });
  if (!isAllowed) return sendForm(deps, step, { form, problem: tooManyTries });
  try {
    const { database, now } = deps.accounts;
    const wanted = {
      userName: form.get('user_name'),
      password: form.get('password'),
      madeBy: 'self',
    } as const;
    await step.visit.complete(await createLocalAccount(database, wanted, now()));
  } catch (error) {
    if (!(error instanceof AppError && error.code === 'validation_failed')) throw error;
    sendForm(deps, step, { form, problem: error.message });
  }
}

function refuseUnlessOpen({ waysAt }: SignInDeps, { visit }: Step): void {
  if (!waysAt(visit.profile).canSignUp) throw new AppError('not_found', 'Nobody can make an account here.');
}

function sendForm(
  { waysAt }: SignInDeps,
  { visit, reply }: Step,
  { form, problem }: { form?: Form; problem?: string },
): void {
  const { branding, send } = waysAt(visit.profile);
  const page = signUpPage({
    brand: branding.name,
    action: `${visit.base}/sign-up`,
    signInUrl: `${visit.base}/sign-in?with=local`,
    csrf: visit.csrf,
    minPassword: minPasswordLength,
    entered: form && { userName: form.get('user_name') },
    problem,
  });
  send(reply, { ...page, status: problem === undefined ? 200 : 422 });
}
