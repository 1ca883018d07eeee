/** How long and how much is kept for whom, and whether outputs are copied: of a tenant, of a mount, of everybody. */
import type { Database, Queries } from '../database.ts';

export const policyScopes = ['subject', 'mount', 'deployment'] as const;
export type PolicyScope = (typeof policyScopes)[number];

export interface StoragePolicy {
  scope: PolicyScope;
  /** Whose; empty for the deployment. */
  value: string;
  /** What is undefined is as the wider scope says. */
  rehost?: boolean | undefined;
  retentionDays?: number | undefined;
  maxBytes?: number | undefined;
}

export async function listPolicies(queries: Queries): Promise<StoragePolicy[]> {
  const rows = await queries
    .selectFrom('storage_policies')
    .selectAll()
    .orderBy('scope')
    .orderBy('scope_value')
    .execute();
  return rows.map(({ scope, scope_value: value, rehost, retention_days: days, max_bytes: bytes }) => ({
    // as: nothing else is written.
    scope: scope as PolicyScope,
    value,
    rehost: rehost === null ? undefined : rehost === 1,
    retentionDays: days ?? undefined,
    maxBytes: bytes ?? undefined,
  }));
}

/** In place of what there was for that scope; one that says nothing is removed. */
export async function setPolicy(database: Database, policy: StoragePolicy): Promise<void> {
  const { scope, value, rehost, retentionDays, maxBytes } = policy;
  await database.transaction(async (queries) => {
    await queries
      .deleteFrom('storage_policies')
      .where('scope', '=', scope)
      .where('scope_value', '=', value)
      .execute();
    if (rehost === undefined && retentionDays === undefined && maxBytes === undefined) return;
    await queries
      .insertInto('storage_policies')
      .values({
        ...{ scope, scope_value: value, retention_days: retentionDays ?? null, max_bytes: maxBytes ?? null },
        rehost: rehost === undefined ? null : Number(rehost),
      })
      .execute();
  });
}

const readEveryMs = 5_000;

/** The policies, read again every few seconds. */
export function createPolicyReader(queries: Queries): () => Promise<readonly StoragePolicy[]> {
  let known: { at: number; policies: Promise<StoragePolicy[]> } | undefined;
  return async () => {
    const at = performance.now();
    if (known === undefined || at - known.at > readEveryMs) known = { at, policies: listPolicies(queries) };
    const mine = known;
    return mine.policies.catch((error: unknown) => {
      if (known === mine) known = undefined;
      throw error;
    });
  };
}

export type KeptRules = Pick<StoragePolicy, 'rehost' | 'retentionDays' | 'maxBytes'>;

/** What holds for a tenant at a mount: of each rule the tenant's own, else the mount's, else the deployment's. */
export function policyFor(
  policies: readonly StoragePolicy[],
  { subject, mount }: { subject: string; mount: string },
): KeptRules {
  const values: Readonly<Record<PolicyScope, string>> = { subject, mount, deployment: '' };
  const own = policyScopes.flatMap((scope) =>
    policies.filter((policy) => policy.scope === scope && policy.value === values[scope]),
  );
  const first = <K extends keyof KeptRules>(name: K): KeptRules[K] =>
    own.find((policy) => policy[name] !== undefined)?.[name];
  return { rehost: first('rehost'), retentionDays: first('retentionDays'), maxBytes: first('maxBytes') };
}
