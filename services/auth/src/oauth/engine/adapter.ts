import type { Database } from '@inferry/database';
import {
  addRecordOnce,
  consumeRecord,
  deleteRecord,
  deleteRecordsOfGrant,
  findRecord,
  findRecordAndGrant,
  type OAuthRecordRow,
  putRecord,
} from '@inferry/database/oauth';
import { type Adapter, type AdapterPayload, errors } from 'oidc-provider';
import { z } from 'zod';
import type { ClientStore } from '../clients/client-store.ts';
import { type Grants, toGrant } from '../grants/grants.ts';
import type { OAuthSettings } from '../settings.ts';
import { engineContext } from './engine-context.ts';
import { toEngineGrant } from './engine-grant.ts';
import { recordIdOf } from './record-id.ts';

export interface AdapterDeps {
  database: Database;
  grants: Grants;
  clients: ClientStore;
  settings: OAuthSettings;
  now(): number;
}

/** A used refresh token is remembered for so long, to know it again should it come back. */
const reuseMemoryMs = 7 * 86_400_000;

/** What the engine keeps, by kind. Access tokens are JWTs and sessions end with the request: neither is kept. */
export function createAdapter(deps: AdapterDeps): (kind: string) => Adapter {
  return (kind) => {
    switch (kind) {
      case 'Grant':
        return {
          ...nothing,
          find: (id) => findEngineGrant(deps, id),
          destroy: (id) => deps.grants.revoke(id),
        };
      case 'Client':
        return {
          ...nothing,
          find: (id) => deps.clients.find(id),
          upsert: (id, metadata) => deps.clients.put(id, metadata),
        };
      case 'AuthorizationCode':
      case 'RefreshToken':
      case 'Interaction':
      case 'ReplayDetection':
        return recordAdapter(deps, kind);
      default:
        return nothing;
    }
  };
}

const nothing: Adapter = {
  upsert: async () => undefined,
  find: async () => undefined,
  findByUserCode: async () => undefined,
  findByUid: async () => undefined,
  consume: async () => undefined,
  destroy: async () => undefined,
  revokeByGrantId: async () => undefined,
};

async function findEngineGrant(
  { grants, settings }: AdapterDeps,
  id: string,
): Promise<AdapterPayload | undefined> {
  const read = engineContext.getStore()?.grant;
  const grant = read?.grantId === id ? read : await grants.find(id);
  return grant === undefined ? undefined : toEngineGrant(grant, settings);
}

// as by the parse: the engine wrote this JSON, and reads it as its own payload.
const Payload = z.record(z.string(), z.unknown());

function recordAdapter(deps: AdapterDeps, kind: string): Adapter {
  const { database, now } = deps;
  return {
    ...nothing,
    async upsert(id, { jti: _value, ...payload }, expiresIn = 60) {
      const record = {
        recordId: recordIdOf(kind, id),
        kind,
        grantId: payload.grantId ?? null,
        payload: JSON.stringify(payload),
        expiresAt: now() + expiresIn * 1_000,
      };
      if (kind !== 'ReplayDetection') return putRecord(database.queries, record);
      // Two replicas may see the same assertion at once: one of them is too late.
      if (!(await addRecordOnce(database.queries, record)))
        throw new errors.InvalidClient('assertion was used');
    },
    async find(id) {
      const found = await findRecordAndGrant(database.queries, { recordId: recordIdOf(kind, id), at: now() });
      if (found === undefined) return undefined;
      const { record, grant } = found;
      const context = engineContext.getStore();
      if (context !== undefined && grant !== undefined) context.grant = toGrant(grant);
      return { ...Payload.parse(JSON.parse(record.payload)), jti: id, ...usedUp(deps, record) };
    },
    async consume(id) {
      const at = now();
      if (engineContext.getStore()?.isTakeover === true) return;
      const isMine = await consumeRecord(database.queries, {
        recordId: recordIdOf(kind, id),
        at,
        forgetAt: at + reuseMemoryMs,
      });
      if (!isMine) throw await lost(deps, kind, id);
    },
    destroy: (id) => deleteRecord(database.queries, recordIdOf(kind, id)),
    revokeByGrantId: (grantId) => deleteRecordsOfGrant(database.queries, { grantId, kind }),
  };
}

/**
 * What the engine is to think of a record that was used. It ends the grant when it sees one; within the grace of a
 * refresh, and by the policy `reject`, it does not get to see it.
 */
function usedUp({ settings, now }: AdapterDeps, row: OAuthRecordRow): { consumed?: number } {
  if (row.consumed_at === null) return {};
  const consumed = { consumed: Math.floor(row.consumed_at / 1_000) };
  if (row.kind !== 'RefreshToken') return consumed;
  const isGrace = now() - row.consumed_at <= settings.refreshGraceSeconds * 1_000;
  if (isGrace && engineContext.getStore()?.isTakeover === true) return {};
  if (isGrace || settings.reusePolicy === 'reject')
    throw new errors.InvalidGrant('refresh token already used');
  return consumed;
}

/** Of those who use one code at once, one wins; the others betray that it has leaked (RFC 6749, section 4.1.2). */
async function lost({ database, grants, now }: AdapterDeps, kind: string, id: string): Promise<Error> {
  if (kind === 'AuthorizationCode') {
    const row = await findRecord(database.queries, { recordId: recordIdOf(kind, id), at: now() });
    if (row?.grant_id != null) await grants.revoke(row.grant_id);
  }
  return new errors.InvalidGrant('already used');
}
