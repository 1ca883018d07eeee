import type { FastifyInstance } from 'fastify';
import type { Grants } from './grants/grants.ts';
import type { Interactions } from './interactions/interactions.ts';
import type { KeyRing } from './signing/key-ring.ts';

/** What happened, for logs and meters. Never a token, never a key. */
export type OAuthEvent =
  | { name: 'tokens_issued'; grantId: string; clientId: string }
  | { name: 'grant_revoked'; grantId: string }
  | { name: 'fault'; error: unknown };

/** The authorization server of a deployment. What it is made of stays behind this. */
export interface AuthEngine {
  readonly issuer: string;
  /** Mounts the protocol's endpoints, its metadata and the pages. */
  routes(app: FastifyInstance): Promise<void>;
  /** For the pages and the drivers behind them. */
  interactions: Interactions;
  /** What subjects allowed their clients. */
  grants: Grants;
  ring: KeyRing;
  /** Ends a grant: its refresh tokens at once, its access tokens as soon as gateways hear of it. */
  killGrant(grantId: string): Promise<void>;
  /** Does what is due: keys, ended rows. Timers call it; replicas may at once. */
  tick(): Promise<void>;
  drain(): Promise<void>;
  close(): Promise<void>;
}
