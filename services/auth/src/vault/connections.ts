/** Connections of accounts and teams to platforms, and who spends with which. */
import { createHash, randomBytes } from 'node:crypto';
import type { Bus } from '@inferry/bus';
import {
  AppError,
  connectionChanged,
  type Principal,
  publicPrincipal,
  type Secret,
} from '@inferry/contracts';
import { type Database, findKeyMaker, type Queries } from '@inferry/database';
import { type AccountRow, findAccount } from '@inferry/database/accounts';
import {
  bindGrantToConnection,
  type ConnectionRow,
  deleteConnection,
  findConnection,
  listConnectionsOfGrant,
  listUsableConnections,
  noteConnectionCheck,
  noteConnectionLimit,
  putConnection,
} from '@inferry/database/connections';
import type { Probe } from '@inferry/providers';
import type { Candidate } from './candidate.ts';
import type { Belonging } from './envelope.ts';
import type { EnvironmentKey } from './environment-keys.ts';
import type { MemoryKeys } from './memory-keys.ts';
import type { Vault } from './vault.ts';

export interface Owner {
  kind: 'deployment' | 'team' | 'user';
  /** The team or the subject; empty for the deployment. */
  id: string;
}

export interface NewConnection {
  provider: string;
  owner: Owner;
  label: string;
  key: Secret;
  baseUrl?: string | undefined;
  origin: 'stored' | 'signin' | 'passthrough';
  /** An id of its own replaces what has it; made up otherwise. */
  connectionId?: string | undefined;
  probe?: Probe | undefined;
  expiresAt?: number | undefined;
}

/** The ways to providers of everybody here. */
export interface Connections {
  /** Whether keys can be stored. */
  readonly canStore: boolean;
  /**
   * What a caller's runs can use, the preferred one of each provider first; refused keys are among them. The
   * deployment's are there for those alone who may spend them.
   */
  usable(asker: Asker, provider?: string): Promise<Candidate[]>;
  standing(asker: Asker): Promise<Standing>;
  /** Whether everybody may use a provider, whoever pays for it. */
  isFree(provider: string): boolean;
  openKey(candidate: Candidate): Promise<Secret>;
  /** Stores a key, sealed. Errors: `forbidden` when this deployment stores none. */
  put(connection: NewConnection): Promise<string>;
  /**
   * The key that somebody signed in with: one for each person and provider, a newer one replaces the older. Bind their
   * grants to it with `bindGrant`.
   */
  putSignIn(signIn: { subject: string; provider: string; key: Secret; label: string }): Promise<string>;
  /** Makes a grant end when the key is found dead that its person signed in with. */
  bindGrant(grant: { grantId: string; subject: string }): Promise<void>;
  /** Deletes one with its key; false when there is none, or none of this subject. */
  remove(connectionId: string, subject?: string): Promise<boolean>;
  noteProbe(candidate: Candidate, probe: Probe): Promise<void>;
  /** Its platform has asked to be left alone until then (epoch ms). */
  noteLimit(candidate: Candidate, until: number): Promise<void>;
  /** Tells everybody to ask anew. */
  announce(connection: { connectionId: string; provider: string }): void;
}

interface ConnectionsDeps {
  database: Database;
  bus: Pick<Bus, 'publish'>;
  /** Undefined: this deployment stores no keys. */
  vault: Vault | undefined;
  environment: readonly EnvironmentKey[];
  /** Keys that callers brought along, where they are never stored. */
  memory?: MemoryKeys | undefined;
  /** Who may spend the deployment's keys. */
  spending?: SpendingRules | undefined;
  now(): number;
}

export function createConnections(deps: ConnectionsDeps): Connections {
  const { database, bus, vault, spending = defaultSpendingRules, now } = deps;
  const { queries } = database;
  const standing = (asker: Asker) => standingOf(queries, spending, asker);
  const isFree = (provider: string) => spending.free.has(provider);

  function announce({ connectionId, provider }: { connectionId: string; provider: string }): void {
    bus.publish(connectionChanged, { connection_id: connectionId, provider });
  }

  async function put(connection: NewConnection): Promise<string> {
    if (vault === undefined) throw storesNone();
    const { connectionId = newConnectionId() } = connection;
    const row = toRow(connection, { connectionId, at: now() });
    const { kid, sealed } = await vault.seal(connection.key, belongingOf(row));
    await putConnection(queries, { ...row, kid, sealed });
    // A key that was brought along is the same whenever its id is, so nobody holds an older one.
    if (connection.origin !== 'passthrough') announce({ connectionId, provider: connection.provider });
    return connectionId;
  }

  return {
    canStore: vault !== undefined,
    standing,
    isFree,
    async usable(asker, provider) {
      const { subject, grant_id: grantId } = asker;
      const [all, { mayUseDeployment }] = await Promise.all([
        listUsableConnections(queries, { subject, provider, at: now() }),
        standing(asker),
      ]);
      const isTheirs = ({
        owner_kind: owner,
        provider: slug,
      }: Pick<ConnectionRow, 'owner_kind' | 'provider'>) =>
        owner !== 'deployment' || mayUseDeployment || isFree(slug);
      const rows = all.filter(isTheirs);
      const bound = new Set(grantId === '' ? [] : await listConnectionsOfGrant(queries, grantId));
      const stored = rows
        .filter((row) => row.origin !== 'environment')
        .map((row): Candidate => ({ row, held: undefined }));
      return [
        ...(deps.memory?.of(subject, provider) ?? []),
        // What the caller's own grant rests on comes before anything else of theirs.
        ...stored.filter(({ row }) => bound.has(row.connection_id)),
        ...stored.filter(({ row }) => !bound.has(row.connection_id)),
        ...inEnvironment(deps.environment, rows, provider).filter(({ row }) => isTheirs(row)),
      ];
    },
    async openKey({ row, held }) {
      if (held !== undefined) return held;
      if (vault === undefined || row.sealed === null) throw storesNone();
      return vault.open(row.sealed, belongingOf(row));
    },
    put,
    putSignIn: ({ subject, provider, key, label }) =>
      put({
        ...{ provider, key, label, origin: 'signin', owner: { kind: 'user', id: subject } },
        connectionId: signInId(subject, provider),
        probe: { outcome: 'ok' },
      }),
    async bindGrant({ grantId, subject }) {
      const rows = await listUsableConnections(queries, { subject, at: now() });
      for (const { connection_id: connectionId, origin } of rows) {
        if (origin === 'signin') await bindGrantToConnection(queries, { grantId, connectionId });
      }
    },
    async remove(connectionId, subject) {
      deps.memory?.remove(connectionId);
      const row = await findConnection(queries, connectionId);
      const isRemoved = await deleteConnection(queries, { connectionId, subject });
      if (isRemoved && row !== undefined) announce({ connectionId, provider: row.provider });
      return isRemoved;
    },
    async noteProbe({ row }, { outcome, account, balance }) {
      const at = now();
      // A platform that says nothing changes nothing.
      if (outcome === 'unknown') return;
      if (row.origin === 'environment')
        await putConnection(queries, { ...row, state: outcome, checked_at: at });
      await noteConnectionCheck(queries, {
        ...{ connectionId: row.connection_id, state: outcome, at, account },
        balance: balance === undefined ? undefined : JSON.stringify(balance),
      });
    },
    async noteLimit(candidate, until) {
      const { connection_id: connectionId, provider, origin } = candidate.row;
      if (origin === 'environment') await putConnection(queries, candidate.row);
      const isNoted = await noteConnectionLimit(queries, { connectionId, until });
      // Once for each time of it: every refusal of a busy platform makes it longer.
      if (isNoted && limitOf(candidate, now()) === undefined) announce({ connectionId, provider });
    },
    announce,
  };
}

/** Until when its platform wants to be left alone (epoch ms); undefined when it does not. */
export function limitOf({ row }: Candidate, at: number): number | undefined {
  return row.limited_until !== null && row.limited_until > at ? row.limited_until : undefined;
}

/** A row that was copied to another owner, provider or id does not open. */
function belongingOf(row: ConnectionRow): Belonging {
  const owner = `${row.owner_kind}:${row.owner_id}`;
  return { kind: 'connection', id: row.connection_id, owner, provider: row.provider };
}

export function toRow(
  connection: NewConnection,
  { connectionId, at }: { connectionId: string; at: number },
): ConnectionRow {
  const { provider, owner, label, baseUrl, origin, probe, expiresAt } = connection;
  return {
    connection_id: connectionId,
    provider,
    owner_kind: owner.kind,
    owner_id: owner.id,
    label,
    origin,
    state: probe?.outcome ?? 'unknown',
    base_url: baseUrl ?? null,
    account: probe?.account ?? null,
    balance: probe?.balance === undefined ? null : JSON.stringify(probe.balance),
    kid: null,
    sealed: null,
    created_at: at,
    // Signing in tells that a key is good, not what is left: that is asked for when somebody wants to know.
    checked_at: probe === undefined || origin === 'signin' ? null : at,
    limited_until: null,
    expires_at: expiresAt ?? null,
  };
}

/** The deployment's keys that are not stored, with what was found out about them. */
function inEnvironment(
  environment: readonly EnvironmentKey[],
  rows: readonly ConnectionRow[],
  provider: string | undefined,
): Candidate[] {
  const states = new Map(rows.map((row) => [row.connection_id, row]));
  return environment
    .filter((one) => provider === undefined || one.provider === provider)
    .map((one) => ({ row: stateOf(one, states.get(one.connectionId)), held: one.key }));
}

/** What is known of a key in the environment: what was found out about the same value before. */
function stateOf(one: EnvironmentKey, known: ConnectionRow | undefined): ConnectionRow {
  if (known?.label === one.label) return known;
  const { connectionId, provider, label } = one;
  const row = toRow(
    { provider, label, key: one.key, owner: { kind: 'deployment', id: '' }, origin: 'stored' },
    { connectionId, at: 0 },
  );
  return { ...row, origin: 'environment' };
}

function newConnectionId(): string {
  return `conn_${randomBytes(16).toString('base64url')}`;
}

function signInId(subject: string, provider: string): string {
  const digest = createHash('sha256').update(JSON.stringify(['signin', subject, provider]));
  return `conn_${digest.digest('base64url').slice(0, 22)}`;
}

function storesNone(): AppError {
  return new AppError('forbidden', 'This deployment stores no keys of providers.', {
    nextAction: 'The operator sets AUTH_KEKS to store keys, or the provider’s variable for all.',
  });
}

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

interface Standing {
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
