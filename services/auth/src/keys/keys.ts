import type { Bus } from '@inferry/bus';
import { AppError, grantRevoked, isScope, type Scope, type Secret, scopes } from '@inferry/contracts';
import {
  type ApiKeyRow,
  addRevocation,
  type Database,
  insertApiKey,
  listApiKeys,
  revokeApiKey,
} from '@inferry/database';
import { z } from 'zod';
import { newKey, newKeyId, sha256Of } from './key-secret.ts';

/** An API key without its secret. */
export interface ApiKey {
  /** Also the grant id of whoever comes in with it. */
  keyId: string;
  subject: string;
  name: string;
  scopes: Scope[];
  createdAt: number;
  expiresAt: number | undefined;
  lastUsedAt: number | undefined;
  revokedAt: number | undefined;
}

export interface NewKeyRequest {
  name: string;
  /** The tenant it opens. Default: its name, so that nobody shares a tenant by accident. */
  subject?: string | undefined;
  /** Default `mcp`: everything. */
  scopes?: readonly string[] | undefined;
  /** Epoch milliseconds. */
  expiresAt?: number | undefined;
  /** `account`: by whoever it is for, so that it can do what their account can. Default: the operator. */
  madeBy?: 'operator' | 'account' | undefined;
  now?: number | undefined;
}

export interface CreatedKey extends ApiKey {
  /** Nowhere to be had again. */
  key: Secret;
}

const printable = /^[^\p{Cc}\p{Cf}]+$/u;
const Scopes = z.array(z.string());

/** Makes a key and stores its SHA-256. Errors: `validation_failed`. */
export async function createKey(database: Database, request: NewKeyRequest): Promise<CreatedKey> {
  const { name, subject = name, expiresAt, now = Date.now() } = request;
  refuseUnless(name.length <= 100 && printable.test(name), 'name', 'has 1 to 100 printable characters');
  refuseUnless(
    subject.length <= 200 && printable.test(subject),
    'subject',
    'has 1 to 200 printable characters',
  );
  refuseUnless(expiresAt === undefined || expiresAt > now, 'expires', 'must be in the future');
  const key = newKey();
  const row: ApiKeyRow = {
    key_id: newKeyId(),
    subject,
    name,
    key_sha256: sha256Of(key),
    scopes: JSON.stringify(parseScopes(request.scopes ?? ['mcp'])),
    created_at: now,
    expires_at: expiresAt ?? null,
    last_used_at: null,
    revoked_at: null,
    made_by: request.madeBy ?? 'operator',
  };
  await insertApiKey(database.queries, row);
  return { ...toApiKey(row), key };
}

/** The keys of one subject, or all. */
export async function listKeys(database: Database, subject?: string): Promise<ApiKey[]> {
  return (await listApiKeys(database.queries, subject)).map(toApiKey);
}

export interface RevokeOptions {
  /** Tells the gateways at once; without it they learn of it within their re-read, 30 s. */
  bus?: Pick<Bus, 'publish'> | undefined;
  now?: number | undefined;
}

/** Ends a key for good; ending it again changes nothing. Errors: `not_found`. */
export async function revokeKey(
  database: Database,
  keyId: string,
  options: RevokeOptions = {},
): Promise<ApiKey> {
  const at = options.now ?? Date.now();
  const { row, seq } = await database.transaction(async (queries) => {
    const revoked = await revokeApiKey(queries, { keyId, at });
    if (revoked === undefined) throw new AppError('not_found', 'There is no key with this id.');
    if (!revoked.isNew) return { row: revoked.row, seq: undefined };
    return { row: revoked.row, seq: await addRevocation(queries, database.dialect, { grantId: keyId, at }) };
  });
  // Only now is it true: whoever hears the event and reads the table finds the revocation there.
  if (seq !== undefined) options.bus?.publish(grantRevoked, { seq, grant_id: keyId });
  return toApiKey(row);
}

/** What a row means; scopes that this release does not know grant nothing. */
export function toApiKey(row: ApiKeyRow): ApiKey {
  return {
    keyId: row.key_id,
    subject: row.subject,
    name: row.name,
    scopes: Scopes.parse(JSON.parse(row.scopes)).filter(isScope),
    createdAt: row.created_at,
    expiresAt: row.expires_at ?? undefined,
    lastUsedAt: row.last_used_at ?? undefined,
    revokedAt: row.revoked_at ?? undefined,
  };
}

/** True while the key opens its tenant. */
export function isLive(key: Pick<ApiKey, 'expiresAt' | 'revokedAt'>, now: number): boolean {
  return key.revokedAt === undefined && (key.expiresAt === undefined || key.expiresAt > now);
}

function parseScopes(values: readonly string[]): Scope[] {
  const known = [...new Set(values)].filter(isScope);
  const unknown = values.filter((value) => !isScope(value));
  const names = Object.keys(scopes).join(', ');
  refuseUnless(unknown.length === 0 && known.length > 0, 'scopes', `must be some of ${names}`);
  return known;
}

function refuseUnless(isGood: boolean, field: string, rule: string): void {
  if (isGood) return;
  const message = `${field}: ${rule}.`;
  throw new AppError('validation_failed', message, {
    details: { problems: [{ path: field, message: rule }] },
  });
}
