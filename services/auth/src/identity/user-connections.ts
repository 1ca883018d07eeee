import type { Bus } from '@inferry/bus';
import {
  AppError,
  type Connection,
  listConnections,
  type Principal,
  reportCredential,
  type Secret,
} from '@inferry/contracts';
import { type Database, isUniqueViolation } from '@inferry/database';
import { renameAccount } from '@inferry/database/accounts';
import type { Provider } from '@inferry/providers';
import type { Candidate } from '../vault/candidate.ts';
import type { Connections } from '../vault/connections.ts';
import type { Fingerprint } from '../vault/fingerprint.ts';
import { probeKey } from '../vault/probe-key.ts';
import { tailOf } from './apikey/apikey-driver.ts';

/** What a platform said of a key. Only `ok` keys are stored. */
export type KeyVerdict = 'ok' | 'rejected' | 'unknown';

/** The keys of providers that one person's runs use: stored sealed, shown never. */
export interface UserConnections {
  /** Their own and those that they share, the preferred of each provider first. */
  list(subject: string): Promise<Connection[]>;
  /** Tries a key and, when it is good, stores it. */
  add(request: { subject: string; provider: string; key: Secret }): Promise<KeyVerdict>;
  /** Tries a key and, when it is good, puts it in the place of the other. Errors: `not_found`. */
  replace(request: { subject: string; connectionId: string; key: Secret }): Promise<KeyVerdict>;
  /** Tries the stored key; a dead one ends what rests on it. Errors: `not_found`. */
  probe(request: { subject: string; connectionId: string }): Promise<KeyVerdict>;
  /** Forgets the key. Errors: `not_found`. */
  remove(request: { subject: string; connectionId: string }): Promise<void>;
  /** Stores the key that somebody signed in with, which was tried a moment ago or was made for us. */
  keep(request: { subject: string; provider: string; key: Secret; label: string }): Promise<void>;
  /** Makes a grant end with the key that its person signed in with. */
  bind(grant: { grantId: string; subject: string }): Promise<void>;
}

export interface UserConnectionsDeps {
  bus: Pick<Bus, 'call'>;
  database: Database;
  connections: Connections;
  providers: ReadonlyMap<string, Provider>;
  fingerprint: Fingerprint | undefined;
  probeTimeoutMs?: number;
}

/** What the account page asks other parts as: the person, with no more rights than it shows. */
export function pagePrincipal(subject: string): Principal {
  const client = 'account page';
  return { subject, grant_id: 'account-page', kind: 'oauth', client, scopes: ['runs:read', 'account:read'] };
}

export function createUserConnections(deps: UserConnectionsDeps): UserConnections {
  const { bus, connections, providers, probeTimeoutMs: timeoutMs = 3_000 } = deps;

  async function ownOf(subject: string, connectionId: string): Promise<Candidate> {
    const usable = await connections.usable({ subject, grant_id: '' });
    const own = usable.find(({ row }) => row.connection_id === connectionId && row.owner_id === subject);
    if (own === undefined) throw new AppError('not_found', 'There is no such connection.');
    return own;
  }

  return {
    async list(subject) {
      const options = { principal: pagePrincipal(subject), timeoutMs: 4_000 };
      return (await bus.call(listConnections, {}, options)).connections;
    },
    async add({ subject, provider, key }) {
      const probe = await probeKey(providers.get(provider), { key, timeoutMs });
      if (probe.outcome !== 'ok') return probe.outcome;
      const owner = { kind: 'user', id: subject } as const;
      await connections.put({ provider, key, probe, owner, label: `Key ${tailOf(key)}`, origin: 'stored' });
      return 'ok';
    },
    async replace({ subject, connectionId, key }) {
      const { row } = await ownOf(subject, connectionId);
      const { provider } = row;
      const baseUrl = row.base_url ?? undefined;
      const probe = await probeKey(providers.get(provider), { key, baseUrl, timeoutMs });
      if (probe.outcome !== 'ok') return probe.outcome;
      const isSignIn = row.origin === 'signin';
      await connections.put({
        ...{ connectionId, provider, key, baseUrl, probe, owner: { kind: 'user', id: subject } },
        label: `Key ${tailOf(key)}`,
        origin: isSignIn ? 'signin' : 'stored',
      });
      if (isSignIn) await recognise(deps, { subject, provider, key });
      return 'ok';
    },
    async probe({ subject, connectionId }) {
      const own = await ownOf(subject, connectionId);
      const { provider, base_url: baseUrl } = own.row;
      const key = await connections.openKey(own);
      const request = { key, baseUrl: baseUrl ?? undefined, timeoutMs };
      const probe = await probeKey(providers.get(provider), request);
      // What rests on a dead key ends with it, wherever it was found out.
      if (probe.outcome === 'rejected') {
        const input = { provider, connection_id: connectionId };
        await bus.call(reportCredential, input, { principal: pagePrincipal(subject), timeoutMs: 15_000 });
      } else if (probe.outcome === 'ok') {
        await connections.noteProbe(own, probe);
        if (own.row.state === 'rejected') connections.announce({ connectionId, provider });
      }
      return probe.outcome;
    },
    async remove({ subject, connectionId }) {
      const { row } = await ownOf(subject, connectionId);
      await connections.remove(row.connection_id, subject);
    },
    async keep(signIn) {
      await connections.putSignIn(signIn);
    },
    bind: (grant) => connections.bindGrant(grant),
  };
}

/** Whoever signs in with the new key from now on is the one who had the old: their runs stay theirs. */
async function recognise(
  { database, fingerprint }: UserConnectionsDeps,
  { subject, provider, key }: { subject: string; provider: string; key: Secret },
): Promise<void> {
  if (fingerprint === undefined) return;
  const externalId = fingerprint(provider, key);
  try {
    await renameAccount(database.queries, { accountId: subject, driver: 'apikey', externalId });
  } catch (error) {
    // The new key has signed in before: then it is an account of its own, and stays one.
    if (!isUniqueViolation(error)) throw error;
  }
}
