import { type Principal, publicPrincipal } from '@inferry/contracts';
import { findKeyMaker, type Queries } from '@inferry/database';
import { type AccountRow, findAccount } from '@inferry/database/accounts';

/** Who may spend the keys of the deployment: the one place that decides it. */

/** Kinds of callers, as `DEPLOYMENT_KEYS_FOR` names them. */
export const spenders = [
  /** The one user of a system without credentials. */
  'local',
  /** API keys and machine clients that the operator made. */
  'keys',
  /** Accounts that the operator made. */
  'accounts',
  /** Whoever signs in at the identity provider of the deployment. */
  'oidc',
  /** Accounts that people made for themselves. */
  'sign-up',
  /** People who signed in with a key of one platform, pasted or handed over. */
  'apikey',
  'handoff',
  /** Callers who bring such a key with every call. */
  'passthrough',
] as const;
export type Spender = (typeof spenders)[number];

export interface SpendingRules {
  spenders: ReadonlySet<Spender>;
  /** Providers that everybody may use, whoever pays for them. */
  free: ReadonlySet<string>;
  /** Whether people can make accounts: one of which nobody knows who made it may be such a one. */
  canSignUp: boolean;
}

/** As `DEPLOYMENT_KEYS_FOR` is by default. */
export const defaultSpendingRules: SpendingRules = {
  spenders: new Set(['local', 'keys', 'accounts']),
  free: new Set(['local']),
  canSignUp: false,
};

export type Asker = Pick<Principal, 'subject' | 'grant_id'>;

export interface Standing {
  /** May spend the keys of the deployment. */
  mayUseDeployment: boolean;
  /** Came with the key of one platform: it opens that one, and what is free for everybody. */
  isBound: boolean;
}

/** Services of ours that ask on behalf of the deployment; nobody is given such a subject. */
const ownServices = /^(inferry|system):/;

/**
 * What a caller stands for. It follows from the subject and the grant alone, which is all that a run remembers of its
 * caller.
 */
export async function standingOf(queries: Queries, rules: SpendingRules, asker: Asker): Promise<Standing> {
  // Not bound either: what a platform tells to everybody is no secret of those who have its key.
  if (asker.subject === publicPrincipal.subject) return { mayUseDeployment: false, isBound: false };
  if (ownServices.test(asker.subject)) return { mayUseDeployment: true, isBound: false };
  const spender = await spenderOf(queries, rules, asker);
  const mayUseDeployment = rules.spenders.has(spender);
  const isBound = spender === 'apikey' || spender === 'handoff' || spender === 'passthrough';
  return { mayUseDeployment, isBound: isBound && !mayUseDeployment };
}

async function spenderOf(
  queries: Queries,
  rules: SpendingRules,
  { subject, grant_id: grantId }: Asker,
): Promise<Spender> {
  const key = await findKeyMaker(queries, grantId);
  if (key?.made_by === 'operator' && key.subject === subject) return 'keys';
  const account = await findAccount(queries, { accountId: subject });
  if (account !== undefined) return grantId.startsWith('pt_') ? 'passthrough' : toSpender(account, rules);
  if (subject.startsWith('key:')) return 'passthrough';
  return subject === 'local' ? 'local' : 'keys';
}

function toSpender({ driver, made_by: maker }: AccountRow, { canSignUp }: SpendingRules): Spender {
  // A console that hands a key over, whose ever it is.
  const way = driver === 'runpod' ? 'handoff' : driver;
  if (way === 'oidc' || way === 'apikey' || way === 'handoff') return maker === 'operator' ? 'accounts' : way;
  if (maker === 'operator') return 'accounts';
  return maker === null && !canSignUp ? 'accounts' : 'sign-up';
}
