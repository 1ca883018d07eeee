import type { Bus } from '@inferry/bus';
import type { Secret } from '@inferry/contracts';
import type { CredentialClient } from '@inferry/credentials';
import type { Database } from '@inferry/database';
import type { Provider } from '@inferry/providers';
import type { Parts } from '@inferry/runtime';
import type { Recipient } from '@inferry/seals';
import type { Dispatcher } from 'undici';
import type { BatchDriver } from './batches/batch-driver.ts';
import type { KeyRefusals } from './poller/held-run.ts';
import type { ReleaseQueue } from './poller/release-queue.ts';
import type { RunLimits } from './poller/stages.ts';
import type { Insistence, SubmitJournal } from './poller/submit-facts.ts';
import type { RunMetrics } from './run-metrics.ts';
import type { Quotes } from './runs/quotes.ts';
import type { ConfirmSettings, MoneyRules } from './runs/run-cost.ts';
import type { RunWaiters } from './runs/wait-for-run.ts';
import type { Timings } from './timings.ts';
import type { HookUrls } from './webhooks-in/hook-urls.ts';

/** What the handlers and the poller need. */
export interface InferenceDeps {
  bus: Bus;
  database: Database;
  log: Parts['log'];
  replica: string;
  providers: ReadonlyMap<string, Provider>;
  /** Keys of providers. */
  credentials: Pick<CredentialClient, 'get' | 'report' | 'reportLimit' | 'release'>;
  refusals: KeyRefusals;
  waiters: RunWaiters;
  /** Runs that are given back unchanged, which is what most polls end with. */
  releases: ReleaseQueue;
  metrics: RunMetrics;
  /** Gives the runs of batches their turn. */
  batches: Pick<BatchDriver, 'wake'>;
  timings: Timings;
  maxWaitSeconds: number;
  /** How many runs of whom may be under way and wait. */
  runLimits: RunLimits;
  money: MoneyRules;
  quotes: Quotes;
  confirm: ConfirmSettings;
  webhooks: WebhookSettings;
  outputs: OutputSettings;
  hookUrls: HookUrls;
  /** Jobs that were taken and are not in their rows yet. */
  journal: SubmitJournal;
  /** What must be written, however long the database is away. */
  insistence: Insistence;
  /** By the database's clock. */
  now(): number;
  /** By how much `now` may be late, because this machine was asleep. */
  sleptMs(): number;
  /** Resolves when `now` is known to be right. */
  clockReady(): Promise<void>;
  /** Whether it is: before that nothing may be written with a time. */
  isClockKnown(): boolean;
  /** 0 to 1, as `Math.random`. */
  random(): number;
}

export interface WebhookSettings {
  /** Signs what we send; without one a run with a webhook is refused. */
  secret: Secret | undefined;
  /** Whoever subscribes to events seals what messages are signed with to this. */
  recipient?: Recipient | undefined;
  /** For tests: `http` to a loopback address. */
  allowLoopback: boolean;
}

export interface OutputSettings {
  /** Whether outputs that a hosted platform keeps for a while only are copied: as its tenant, its mount or the deployment says. */
  isRehosted(row: { subject: string; mount: string }): Promise<boolean>;
  maxBytes: number;
  /** For tests: takes outputs of hosted platforms from private addresses too. */
  allowPrivateHosts: boolean;
  /** Refuses private addresses when it connects. */
  publicOnly: Dispatcher;
}
