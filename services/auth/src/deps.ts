import type { Bus } from '@inferry/bus';
import type { Database } from '@inferry/database';
import type { Parts } from '@inferry/runtime';
import type { KeyUsage } from './keys/key-usage.ts';
import type { CredentialService } from './rpc/open-credentials.ts';

/** What the handlers of this service need. */
export interface AuthDeps {
  bus: Pick<Bus, 'call'>;
  database: Database;
  limits: Parts['limits'];
  log: Pick<Parts['log'], 'warn'>;
  keyUsage: KeyUsage;
  credentials: CredentialService;
  /** Requests a minute that the gateway allows each credential. */
  credentialLimit: number;
  /** And all credentials of one account together; undefined: each counts by itself. */
  subjectLimit: number | undefined;
  now(): number;
}
