import type { Database } from '@inferry/database';
import { findAccount } from '@inferry/database/accounts';
import type { Limits } from '@inferry/limits';
import { type AttemptRules, takeAttempt, tooManyTries } from '../attempts.ts';
import type { FormDriver } from '../driver.ts';
import { verifyPassword } from './password.ts';
import { parseUserName } from './user-name.ts';

export interface LocalDriverParts {
  database: Database;
  limits: Limits;
  rules: AttemptRules;
}

/** The one answer for an unknown name, a wrong password and a closed account. */
const wrong = 'The user name or the password is not right.';

/** Accounts of this deployment, made by `npm run accounts` or, where it is open, by signing up. */
export function createLocalDriver({ database, limits, rules }: LocalDriverParts): FormDriver {
  return {
    kind: 'form',
    id: 'local',
    label: 'Sign in with a password',
    async submit({ fields, address, transaction }) {
      const { user_name: userName = '', password = '' } = fields;
      const claimed = parseUserName(userName) ?? '';
      const { isAllowed } = await takeAttempt(limits, rules, {
        driver: 'local',
        address,
        transaction,
        account: claimed,
      });
      if (!isAllowed) return { problem: tooManyTries };
      const account = await findAccount(database.queries, { driver: 'local', externalId: claimed });
      const isRight = await verifyPassword(password, account?.password_hash ?? undefined);
      if (account === undefined || !isRight || account.disabled_at !== null) return { problem: wrong };
      return { identity: { driver: 'local', externalId: claimed, display: account.display } };
    },
  };
}
