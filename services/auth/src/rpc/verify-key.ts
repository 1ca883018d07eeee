import type { Handler } from '@inferry/bus';
import type { verifyKey } from '@inferry/contracts';
import { findApiKey } from '@inferry/database';
import type { AuthDeps } from '../deps.ts';
import { isLive, toApiKey } from '../keys/keys.ts';

const goodForSeconds = 60;
const badForSeconds = 30;

/**
 * Who a key belongs to. Unknown, expired and revoked keys cost the same one look-up and get the same answer: nobody
 * learns that a key ever existed.
 */
export function handleVerifyKey({
  database,
  keyUsage,
  now,
}: Pick<AuthDeps, 'database' | 'keyUsage' | 'now'>): Handler<typeof verifyKey> {
  return async ({ key_sha256: sha256 }) => {
    const row = await findApiKey(database.queries, sha256);
    const key = row === undefined ? undefined : toApiKey(row);
    const at = now();
    if (key === undefined || !isLive(key, at)) return { principal: null, cache_seconds: badForSeconds };
    keyUsage.note(key.keyId);
    const { subject, keyId, name, scopes } = key;
    return {
      principal: { subject, grant_id: keyId, kind: 'api_key', client: name, scopes },
      cache_seconds: Math.min(goodForSeconds, Math.floor(((key.expiresAt ?? Infinity) - at) / 1_000)),
    };
  };
}
