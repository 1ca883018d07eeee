import type { Blobs } from '@inferry/blobs';
import type { Bus } from '@inferry/bus';
import type { Database } from '@inferry/database';
import type { Limits } from '@inferry/limits';
import type { Logger } from 'pino';

/** What the outside world gives every service; in one process all share one set. */
export interface Parts {
  bus: Bus;
  database: Database;
  limits: Limits;
  blobs: Blobs;
  log: Logger;
  /** The time that all processes go by; absent where there is one process, whose own clock it is. */
  now?: (() => number) | undefined;
  /** Unique per process: owner of leases, prefix of logs. */
  replica: string;
}

/** One dependency's answer to `/readyz`. */
export interface Readiness {
  isReady: boolean;
  /** Dependency to what is wrong with it. */
  problems: Record<string, string>;
}

/**
 * A running service, whichever process it is in. It serves its contracts from the moment `start*` resolves until
 * `drain`.
 */
export interface Service {
  name: string;
  readiness(): Promise<Readiness>;
  /**
   * Stops taking work and hands over what is in flight, within `graceMs`. The bus has been drained before; what a
   * service owns itself (leases, timers, HTTP) is its own to stop.
   */
  drain(graceMs: number): Promise<void>;
  /** How much longer `drain` may take where it waits for what was paid for and what nobody else can read. */
  lingerMs?: number;
  close(): Promise<void>;
}
