import type { BrowsedRun, Budget, Connection, Run, UsageTotals } from '@inferry/contracts';
import type { Account } from '../../identity/accounts.ts';

/** What the account page shows. A part that could not be read is undefined, and the page says so. */
export interface AccountView {
  account: Account;
  csrf: string;
  isOperator: boolean;
  now: number;
  connections: readonly Connection[] | undefined;
  /** Whose keys can be added. */
  providers: readonly { slug: string; title: string }[];
  clients: readonly ConnectedClient[] | undefined;
  keys: readonly ShownKey[] | undefined;
  usage: Usage | undefined;
  /** The latest. */
  runs: readonly Run[] | undefined;
  /** Those that go on, however long ago they began; not all of them where there are many. */
  open: { runs: readonly BrowsedRun[]; isMore: boolean } | undefined;
  budgets: readonly Budget[] | undefined;
  confirmations: readonly CostToConfirm[] | undefined;
  notice?: Notice | undefined;
}

export interface ConnectedClient {
  grantId: string;
  name: string;
  verifiedHost?: string | undefined;
  scopes: readonly string[];
  createdAt: number;
  lastUsedAt: number | undefined;
}

export interface ShownKey {
  keyId: string;
  name: string;
  scopes: readonly string[];
  createdAt: number;
  lastUsedAt: number | undefined;
  expiresAt: number | undefined;
}

/** A run that waits for somebody to say yes to its cost. */
export interface CostToConfirm {
  id: string;
  model: string;
  price: string;
  client: string;
  askedAt: number;
}

export interface Usage extends UsageTotals {
  /** Since when the figures count. */
  since: string;
  /** Of the current day, in UTC. */
  today: Pick<UsageTotals, 'charged' | 'unknown_cost_runs'>;
}

export interface Notice {
  kind: 'good' | 'bad';
  text: string;
  /** A new API key: shown this once. */
  secret?: string | undefined;
}
