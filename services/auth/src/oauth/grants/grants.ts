import { randomBytes } from 'node:crypto';
import type { Bus } from '@inferry/bus';
import { grantRevoked, isScope, type Scope } from '@inferry/contracts';
import type { Database } from '@inferry/database';
import {
  findGrant,
  type GrantFilter,
  insertGrant,
  listGrantRows,
  type OAuthGrantRow,
  revokeGrantRow,
} from '@inferry/database/oauth';
import { z } from 'zod';

export type GrantKind = 'authorization_code' | 'client_credentials' | 'enterprise';

/** What a subject allowed a client. */
export interface Grant {
  grantId: string;
  subject: string;
  /** How the person is shown. */
  display: string;
  clientId: string;
  clientName: string;
  kind: GrantKind;
  scopes: Scope[];
  createdAt: number;
  lastUsedAt: number | undefined;
  expiresAt: number;
}

export interface NewGrant {
  /** From `newGrantId`, where something was stored under it before. */
  grantId?: string | undefined;
  subject: string;
  display: string;
  clientId: string;
  clientName: string;
  kind: GrantKind;
  scopes: readonly Scope[];
}

export interface Grants {
  /** Undefined when it is unknown, revoked or over. */
  find(grantId: string): Promise<Grant | undefined>;
  list(filter: GrantFilter): Promise<Grant[]>;
  add(grant: NewGrant): Promise<Grant>;
  /** Ends a grant at once and everywhere; one that has ended already is left. */
  revoke(grantId: string): Promise<void>;
  /** The same for one of this subject's own; false when it has no such grant. */
  revokeOwn(request: { grantId: string; subject: string }): Promise<boolean>;
  revokeAllOfClient(clientId: string): Promise<number>;
  revokeAllOfSubject(subject: string): Promise<number>;
}

export interface GrantDeps {
  database: Database;
  bus: Pick<Bus, 'publish'>;
  grantSeconds: number;
  now(): number;
  /** Told of every grant that ended here. */
  onRevoked?: ((grantId: string) => void) | undefined;
}

export function newGrantId(): string {
  return `grant_${randomBytes(16).toString('base64url')}`;
}

export function createGrants(deps: GrantDeps): Grants {
  const { database, now } = deps;
  const list = async (filter: GrantFilter): Promise<Grant[]> =>
    (await listGrantRows(database.queries, { filter, at: now() })).map(toGrant);
  const revoke = (grantId: string, subject?: string): Promise<boolean> => revokeOne(deps, grantId, subject);

  async function revokeAll(filter: GrantFilter): Promise<number> {
    let count = 0;
    // The list is bounded, so it is read again until nothing is left.
    for (let grants = await list(filter); grants.length > 0; grants = await list(filter)) {
      for (const { grantId } of grants) if (await revoke(grantId)) count += 1;
    }
    return count;
  }

  return {
    list,
    async find(grantId) {
      const row = await findGrant(database.queries, { grantId, at: now() });
      return row === undefined ? undefined : toGrant(row);
    },
    async add(grant) {
      const row = toRow(grant, now(), deps.grantSeconds);
      await insertGrant(database.queries, row);
      return toGrant(row);
    },
    async revoke(grantId) {
      await revoke(grantId);
    },
    revokeOwn: ({ grantId, subject }) => revoke(grantId, subject),
    revokeAllOfClient: (clientId) => revokeAll({ clientId }),
    revokeAllOfSubject: (subject) => revokeAll({ subject }),
  };
}

async function revokeOne(deps: GrantDeps, grantId: string, subject?: string): Promise<boolean> {
  const { database, bus, now, onRevoked } = deps;
  const seq = await database.transaction((queries) =>
    revokeGrantRow(queries, database.dialect, { grantId, subject, at: now() }),
  );
  if (seq === undefined) return false;
  // Only now is it true: whoever hears the event and reads the table finds the revocation there.
  bus.publish(grantRevoked, { seq, grant_id: grantId });
  onRevoked?.(grantId);
  return true;
}

const Scopes = z.array(z.string());
const Kind = z.enum(['authorization_code', 'client_credentials', 'enterprise']);

/** What a row means; scopes that this release does not know grant nothing. */
export function toGrant(row: OAuthGrantRow): Grant {
  return {
    grantId: row.grant_id,
    subject: row.subject,
    display: row.display,
    clientId: row.client_id,
    clientName: row.client_name,
    kind: Kind.parse(row.kind),
    scopes: Scopes.parse(JSON.parse(row.scopes)).filter(isScope),
    createdAt: row.created_at,
    lastUsedAt: row.last_used_at ?? undefined,
    expiresAt: row.expires_at,
  };
}

function toRow(grant: NewGrant, at: number, grantSeconds: number): OAuthGrantRow {
  return {
    grant_id: grant.grantId ?? newGrantId(),
    subject: grant.subject,
    display: grant.display,
    client_id: grant.clientId,
    client_name: grant.clientName,
    kind: grant.kind,
    scopes: JSON.stringify(grant.scopes),
    created_at: at,
    last_used_at: null,
    expires_at: at + grantSeconds * 1_000,
    revoked_at: null,
  };
}
