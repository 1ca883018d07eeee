import { createHash } from 'node:crypto';
import type { Limits } from '@inferry/limits';

/** How often somebody may try before they have to wait. */
export interface AttemptRules {
  /** Of one address in ten minutes, whoever they claim to be. */
  perAddress: number;
  /** For one account in fifteen minutes, wherever they come from. */
  perAccount: number;
}

export const defaultAttemptRules: AttemptRules = { perAddress: 60, perAccount: 10 };

/** Within one sign-in; a page that is opened anew from the client begins another. */
const perTransaction = 5;
const minuteMs = 60_000;

export interface Attempt {
  driver: string;
  address: string;
  transaction: string;
  /** What is claimed, known or not: unknown names are counted as known ones are. */
  account?: string | undefined;
}

/** Counts every try before it is looked at, so that tries in parallel get no more than tries in turn. */
export async function takeAttempt(
  limits: Limits,
  rules: AttemptRules,
  attempt: Attempt,
): Promise<{ isAllowed: boolean }> {
  const { driver, address, transaction, account } = attempt;
  const hits = [
    {
      key: `sign-in:tx:${digest(transaction)}`,
      rule: { limit: perTransaction, windowMs: 60 * minuteMs },
    },
    {
      key: `sign-in:ip:${address}`,
      rule: { limit: rules.perAddress, windowMs: 10 * minuteMs },
    },
  ];
  if (account !== undefined) {
    hits.push({
      key: `sign-in:account:${driver}:${digest(account)}`,
      rule: { limit: rules.perAccount, windowMs: 15 * minuteMs },
    });
  }
  const verdicts = await limits.hitAll(hits);
  return { isAllowed: verdicts.every(({ isAllowed }) => isAllowed) };
}

export const tooManyTries = 'Too many tries. Wait a few minutes, then try again.';

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 22);
}
