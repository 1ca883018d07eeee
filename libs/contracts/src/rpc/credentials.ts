import { z } from 'zod';
import { defineRpc } from '../operation.ts';
import { Principal } from '../principal.ts';

/**
 * A text that only the holder of one X25519 private key can read: an ephemeral public key (raw, 32 bytes), and
 * AES-256-GCM over the text with a key derived by HKDF-SHA-256. All in base64url. Keys travel on the bus in no other form.
 */
export const SealedText = z.object({
  ephemeral_key: z.string().max(64),
  nonce: z.string().max(32),
  ciphertext: z.string().max(16_384),
});
export type SealedText = z.infer<typeof SealedText>;

/** The X25519 public key (base64url, raw) that texts for the vault are sealed to; the same on all its replicas. */
export const readVaultKey = defineRpc({
  subject: 'rpc.v1.auth.read_vault_key',
  input: z.object({}),
  output: z.object({ public_key: z.string().max(64) }),
});

/**
 * The caller's key for a provider: their own connection, else their team's, else the deployment's. Null when there is
 * none. The answer is sealed to `public_key` and may be kept for `expires_in_seconds`, at most 60.
 */
export const openCredential = defineRpc({
  subject: 'rpc.v1.auth.open_credential',
  servesRuns: true,
  input: z.object({
    provider: z.string().max(64),
    public_key: z.string().max(64),
    /** Signature of a service that calls platforms below `public_key`: a key is sealed to nobody else. */
    public_key_proof: z.string().max(1_024).optional(),
    /** One of several connections to the same provider. */
    connection_id: z.string().max(64).optional(),
  }),
  output: z.object({
    credential: z
      .object({
        connection_id: z.string(),
        sealed: SealedText,
        base_url: z.string().optional(),
        /** Whose it is: what is in the account behind a shared key is not for everybody who may spend it. */
        owner: z.enum(['deployment', 'team', 'user']).optional(),
        expires_in_seconds: z.int().min(0).max(60),
      })
      .nullable(),
  }),
});

/**
 * How a provider received the key of a connection. It refused it: the key is probed, and when it is dead what rests on it
 * is revoked. With `limited_seconds` it asked to be left alone for so long: until then another key of the same owner is
 * preferred.
 */
export const reportCredential = defineRpc({
  subject: 'rpc.v1.auth.report_credential',
  servesRuns: true,
  input: z.object({
    provider: z.string().max(64),
    connection_id: z.string().max(64),
    limited_seconds: z.int().min(1).max(3_600).optional(),
  }),
  output: z.object({
    outcome: z.enum(['ok', 'rejected', 'unknown']),
    /** Whether the same owner has another key for the provider that can be used now. */
    has_other: z.boolean().optional(),
  }),
});

/** Wipes the key that a caller brought along, as soon as none of their runs needs it. */
export const releaseCredential = defineRpc({
  subject: 'rpc.v1.auth.release_credential',
  servesRuns: true,
  input: z.object({ provider: z.string().max(64) }),
  output: z.object({ released: z.boolean() }),
});

/**
 * Whether a key that the caller brought along (its prefix is accepted here) is good at its provider. The principal's
 * subject is a fingerprint of the key. Null: refused.
 */
export const verifyPassthrough = defineRpc({
  subject: 'rpc.v1.auth.verify_passthrough',
  input: z.object({ provider: z.string().max(64), sealed: SealedText }),
  output: z.object({ principal: Principal.nullable(), cache_seconds: z.int() }),
});

/** A way to a provider: whose it is and how it fared, never its key. */
export const Connection = z.object({
  connection_id: z.string(),
  provider: z.string(),
  label: z.string(),
  owner: z.enum(['deployment', 'team', 'user']),
  state: z.enum(['ok', 'rejected', 'unknown']),
  base_url: z.string().optional(),
  account: z.string().optional(),
  balance: z.object({ amount: z.number(), currency: z.string() }).optional(),
  checked_at: z.string().optional(),
  /** Its platform has asked to be left alone until then. */
  limited_until: z.string().optional(),
  created_at: z.string(),
});
export type Connection = z.infer<typeof Connection>;

/** The connections that the caller's runs can use, the preferred one of each provider first. */
export const listConnections = defineRpc({
  subject: 'rpc.v1.auth.list_connections',
  input: z.object({ probe: z.boolean().optional() }),
  output: z.object({ connections: z.array(Connection) }),
});

/** What of each provider the caller can use now, as far as keys and rights decide it. */
const accessStates = [
  'open',
  /** The only keys that the caller could use were refused by the platform. */
  'refused',
  /** It needs a key, and the caller has none. */
  'missing',
  /** A server of the deployment's own that this caller does not get. */
  'closed',
] as const;

/**
 * Which of these providers the caller can use: their own keys, their team's, the deployment's where they may spend
 * those, and what needs none. Whoever lists, prices or runs models asks here and decides nothing alone.
 */
export const readAccess = defineRpc({
  subject: 'rpc.v1.auth.read_access',
  input: z.object({
    providers: z.array(z.object({ slug: z.string().max(64), needs_key: z.boolean() })).max(500),
  }),
  output: z.object({
    providers: z.array(z.object({ slug: z.string(), state: z.enum(accessStates) })),
    /** Whether the caller may spend the deployment's keys at all. */
    may_use_deployment: z.boolean(),
  }),
});
