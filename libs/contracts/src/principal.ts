import { z } from 'zod';

/**
 * Who a call is made for. It travels in a bus header from the gateway to the services, so it holds handles and
 * names only: never a token, never a key.
 */
export const Principal = z.object({
  /** The tenant: every run, asset, key and budget belongs to one subject. */
  subject: z.string().min(1).max(200),
  /** What the subject was let in by (an API key id, an OAuth grant id); revoking it ends the access. */
  grant_id: z.string().max(200),
  kind: z.enum(['local', 'api_key', 'oauth', 'passthrough']),
  /** Client name as registered, for display only. */
  client: z.string().max(200).optional(),
  scopes: z.array(z.string()),
});
export type Principal = z.infer<typeof Principal>;

/** The one user of a system that is bound to loopback and needs no credential. */
export const localPrincipal: Principal = {
  subject: 'local',
  grant_id: 'local',
  kind: 'local',
  scopes: ['mcp', 'infra'],
};

/** Whoever reads what a deployment tells to everybody: sees what is public, and has no key of anybody. */
export const publicPrincipal: Principal = {
  subject: 'inferry:public',
  grant_id: 'inferry:public',
  kind: 'api_key',
  scopes: ['models:read'],
};

/**
 * Scopes that a grant can hold. `mcp` is the whole default set; the narrower ones open one part each, and `infra` is no part of it
 * (RFC 6749, section 3.3).
 */
export const scopes = {
  mcp: 'Everything an MCP client may do for you',
  'models:read': 'Find models and read their schemas and prices',
  'runs:read': 'See your runs and their results',
  'runs:write': 'Run models, which spends credits, and cancel runs',
  'files:write': 'Upload files and look at outputs',
  'wrappers:write': 'Make, change, publish and delete your wrappers',
  'account:read': 'See your account, balances and spend',
  infra: 'Create, change and delete machines, endpoints and storage that are paid for while they exist',
} as const satisfies Record<string, string>;
export type Scope = keyof typeof scopes;

export function isScope(value: string): value is Scope {
  return Object.hasOwn(scopes, value);
}

/** Scopes that are granted by name alone: what they open costs money for as long as it exists. */
const byNameOnly: ReadonlySet<string> = new Set<Scope>(['infra']);

/** True when the granted scopes cover the one asked for; `mcp` covers all but those that are granted by name alone. */
export function hasScope(granted: readonly string[], wanted: Scope): boolean {
  return granted.includes(wanted) || (granted.includes('mcp') && !byNameOnly.has(wanted));
}

/** How long a call may wait for this client, in seconds: decided by the gateway from its table of clients. */
export interface WaitBudget {
  /** Used when the caller names no `wait_seconds`. */
  defaultSeconds: number;
  /** The most that a caller may ask for. */
  maxSeconds: number;
}

export const shortWait: WaitBudget = { defaultSeconds: 45, maxSeconds: 45 };
