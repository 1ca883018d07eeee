import type { Bus } from '@inferry/bus';
import {
  type Budget,
  browseRuns,
  listRuns,
  type Principal,
  readBudgets,
  readUsage,
  scopes,
} from '@inferry/contracts';
import { type Database, listConfirmations } from '@inferry/database';
import { z } from 'zod';
import type { Account } from '../../identity/accounts.ts';
import type { Session } from '../../identity/sessions.ts';
import { pagePrincipal, type UserConnections } from '../../identity/user-connections.ts';
import { isLive, listKeys } from '../../keys/keys.ts';
import type { Grant, Grants } from '../../oauth/index.ts';
import type { KeyProvider } from '../sign-in-page.ts';
import type { AccountView, ConnectedClient, Usage } from './account-view.ts';

export interface AccountSources {
  bus: Pick<Bus, 'call'>;
  database: Database;
  grants: Pick<Grants, 'list' | 'revokeOwn'>;
  connections: UserConnections;
  providers: readonly KeyProvider[];
  isOperator(account: Account): boolean;
  onError(error: unknown): void;
  now(): number;
}

const questionTimeoutMs = 4_000;
const shownRuns = 8;
const shownOpenRuns = 20;

/** Everything that the account page shows; a part whose owner does not answer is left out and nothing else fails. */
export async function readAccount(
  sources: AccountSources,
  { account, csrf }: Session,
): Promise<Omit<AccountView, 'notice'>> {
  const { connections, providers, now } = sources;
  const { subject } = account;
  const principal = pagePrincipal(subject);
  const part = <T>(reading: Promise<T>): Promise<T | undefined> =>
    reading.catch((error: unknown) => {
      sources.onError(error);
      return undefined;
    });
  const [ownConnections, clients, keys, usage, runs, open, budgets, confirmations] = await Promise.all([
    part(connections.list(subject)),
    part(readClients(sources, subject)),
    part(readKeys(sources, subject)),
    part(readUsageTotals(sources, principal)),
    part(readRuns(sources, principal)),
    part(readOpenRuns(sources, principal)),
    part(readOwnBudgets(sources, principal)),
    part(readConfirmations(sources, subject)),
  ]);
  const own = { connections: ownConnections, providers, clients, keys, usage, runs, open };
  const isOperator = sources.isOperator(account);
  return { account, csrf, isOperator, now: now(), ...own, budgets, confirmations };
}

async function readClients({ grants }: AccountSources, subject: string): Promise<ConnectedClient[]> {
  return (await grants.list({ subject })).map(toClient);
}

function toClient({
  grantId,
  clientId,
  clientName,
  scopes: granted,
  createdAt,
  lastUsedAt,
}: Grant): ConnectedClient {
  const document = clientId.startsWith('https://') ? URL.parse(clientId) : null;
  return {
    grantId,
    name: clientName,
    verifiedHost: document?.hostname,
    scopes: granted,
    createdAt,
    lastUsedAt,
  };
}

async function readKeys({ database, now }: AccountSources, subject: string): Promise<AccountView['keys']> {
  const at = now();
  return (await listKeys(database, subject)).filter((key) => isLive(key, at));
}

async function readUsageTotals({ bus, now }: AccountSources, principal: Principal): Promise<Usage> {
  const since = new Date(now());
  since.setUTCHours(0, 0, 0, 0);
  since.setUTCDate(1);
  const { totals, buckets } = await bus.call(
    readUsage,
    { since: since.toISOString(), bucket: 'day', limit: 100 },
    { principal, timeoutMs: questionTimeoutMs },
  );
  const start = new Date(now());
  start.setUTCHours(0, 0, 0, 0);
  const own = buckets.filter((bucket) => Date.parse(bucket.start) === start.getTime());
  return { ...totals, since: since.toISOString(), today: sumOf(own, totals.currency) };
}

/** Of all platforms, in one currency. */
function sumOf(
  buckets: readonly { charged: number; currency: string; unknown_cost_runs?: number | undefined }[],
  currency: string,
): Usage['today'] {
  const own = buckets.filter((bucket) => bucket.currency === currency);
  return {
    charged: own.reduce((sum, { charged }) => sum + charged, 0),
    unknown_cost_runs: own.reduce((sum, { unknown_cost_runs: unknown = 0 }) => sum + unknown, 0),
  };
}

async function readOpenRuns({ bus }: AccountSources, principal: Principal): Promise<AccountView['open']> {
  const asked = { statuses: ['queued' as const, 'running' as const], limit: shownOpenRuns };
  const read = await bus.call(browseRuns, asked, { principal, timeoutMs: questionTimeoutMs });
  return { runs: read.runs, isMore: read.next_cursor !== undefined };
}

async function readOwnBudgets({ bus }: AccountSources, principal: Principal): Promise<Budget[]> {
  return (await bus.call(readBudgets, {}, { principal, timeoutMs: questionTimeoutMs })).budgets;
}

async function readRuns({ bus }: AccountSources, principal: Principal): Promise<AccountView['runs']> {
  const options = { principal, timeoutMs: questionTimeoutMs };
  return (await bus.call(listRuns, { limit: shownRuns }, options)).items ?? [];
}

const CostQuestion = z.object({ model: z.string(), price: z.string(), client: z.string() });

async function readConfirmations(
  { database, now }: AccountSources,
  subject: string,
): Promise<AccountView['confirmations']> {
  const asked = await listConfirmations(database.queries, { subject, now: now() });
  return asked.map(({ confirmation_id: id, question, asked_at: askedAt }) => ({
    ...CostQuestion.parse(JSON.parse(question)),
    ...{ id, askedAt },
  }));
}

/** The rights of a new API key. */
export const keyRights: Readonly<Record<string, readonly string[]>> = {
  all: ['mcp'],
  read: Object.keys(scopes).filter((scope) => scope.endsWith(':read')),
};
