import { z } from 'zod';
import { defineRpc } from '../operation.ts';
import { Principal } from '../principal.ts';
import { jsonObject } from '../shapes/basics.ts';

/** Who an API key belongs to. The key itself never travels: only its SHA-256 in hex. */
export const verifyKey = defineRpc({
  subject: 'rpc.v1.auth.verify_key',
  input: z.object({ key_sha256: z.string().regex(/^[0-9a-f]{64}$/) }),
  /** Null: unknown, expired or revoked. `cache_seconds` bounds how long the verdict may be reused. */
  output: z.object({ principal: Principal.nullable(), cache_seconds: z.int() }),
});

/** Revocations after a sequence number, oldest first: how a gateway fills and repairs its revoked set. */
export const readRevocations = defineRpc({
  subject: 'rpc.v1.auth.read_revocations',
  input: z.object({ after: z.int().min(0), limit: z.int().min(1).max(10_000) }),
  output: z.object({ items: z.array(z.object({ seq: z.int(), grant_id: z.string() })), latest: z.int() }),
});

/** The keys that access tokens are verified with (RFC 7517), and what else a gateway must know of the issuer. */
export const readJwks = defineRpc({
  subject: 'rpc.v1.auth.read_jwks',
  input: z.object({}),
  output: z.object({
    issuer: z.string(),
    /** Values of `aud` that name this deployment; the first is the canonical one. */
    audiences: z.array(z.string()),
    keys: z.array(jsonObject),
  }),
});
