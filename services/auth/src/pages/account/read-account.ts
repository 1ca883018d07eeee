import type { Bus } from '@inferry/bus';
import { listRuns, type Principal, readUsage, scopes } from '@inferry/contracts';
import { type Database, listConfirmations } from '@inferry/database';
import { z } from 'zod';
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
  onError(error: unknown): void;
  now(): number;
}

const questionTimeoutMs = 4_000;
const shownRuns = 10;

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
  const [ownConnections, clients, keys, usage, runs, confirmations] = await Promise.all([
    part(connections.list(subject)),
    part(readClients(sources, subject)),
    part(readKeys(sources, subject)),
    part(readUsageTotals(sources, principal)),
    part(readRuns(sources, principal)),
    part(readConfirmations(sources, subject)),
  ]);
  const own = { connections: ownConnections, providers, clients, keys, usage, runs, confirmations };
  return { account, csrf, now: now(), ...own };
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
  const { totals } = await bus.call(
    readUsage,
    { since: since.toISOString(), bucket: 'month', limit: 1 },
    { principal, timeoutMs: questionTimeoutMs },
  );
  return { ...totals, since: since.toISOString() };
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
