import { setTimeout as sleep } from 'node:timers/promises';
import {
  browseRuns,
  cancelBatch,
  cancelRun,
  continueRun,
  forgetPayload,
  getBatch,
  getRun,
  getTask,
  listRuns,
  operate,
  readBudgets,
  readClientEvents,
  readDeliveries,
  readEventKey,
  readOperation,
  readOutputs,
  readSpend,
  readUsage,
  replayWebhook,
  runBatch,
  runFinished,
  runModel,
  type Secret,
  subscribeClientEvents,
  unsubscribeClientEvents,
} from '@inferry/contracts';
import { type CredentialClient, createCredentialClient } from '@inferry/credentials';
import {
  chainAudit,
  createPolicyReader,
  policyFor,
  pruneAudit,
  pruneRunLimits,
  readDatabaseTime,
} from '@inferry/database';
import type { Provider } from '@inferry/providers';
import { createRunView } from '@inferry/run-view';
import {
  type AddressRanges,
  type HttpService,
  type Parts,
  parseAddressRanges,
  type Service,
  SharedClock,
} from '@inferry/runtime';
import { createPublicAgent } from '@inferry/runtime/public-agent';
import { derivedRecipient } from '@inferry/seals';
import type { FastifyInstance } from 'fastify';
import { BatchDriver } from './batches/batch-driver.ts';
import { parseInferenceConfig } from './config.ts';
import { confirmSettingsOf, mountConfirmPage } from './confirm-page.ts';
import type { InferenceDeps } from './deps.ts';
import { createPayloadKeeper } from './outputs/delete-payloads.ts';
import { accessOf, KeyRefusals, toContext } from './poller/held-run.ts';
import { Poller } from './poller/poller.ts';
import { ReleaseQueue } from './poller/release-queue.ts';
import { createRunLimits, defaultPollerLimits, type PollerLimits } from './poller/stages.ts';
import { adopt, Insistence, type JournalFiles, noteReplyLost, SubmitJournal } from './poller/submit-facts.ts';
import { handleBrowseRuns } from './rpc/browse-runs.ts';
import { handleReadClientEvents } from './rpc/client-events.ts';
import { handleReadDeliveries, handleReplayWebhook } from './rpc/deliveries.ts';
import { handleForgetPayload } from './rpc/forget-payload.ts';
import { handleOperate, handleReadOperation, handleReadSpend } from './rpc/operate.ts';
import { handleReadBudgets } from './rpc/read-budgets.ts';
import { handleReadOutputs } from './rpc/read-outputs.ts';
import { handleReadUsage } from './rpc/read-usage.ts';
import { createRunMetrics } from './run-metrics.ts';
import { createQuotes } from './runs/quotes.ts';
import type { MoneyRules } from './runs/run-cost.ts';
import { RunWaiters } from './runs/wait-for-run.ts';
import { serveRunSurface } from './surface/serve-surface.ts';
import { defaultTimings, inKnownTime, knowTime, type Timings } from './timings.ts';
import { handleCancelBatch, handleGetBatch, handleRunBatch } from './tools/batches.ts';
import { handleCancelRun } from './tools/cancel-run.ts';
import { handleGetRun } from './tools/get-run.ts';
import { handleGetTask } from './tools/get-task.ts';
import { handleListRuns } from './tools/list-runs.ts';
import { handleContinueRun, handleRunModel } from './tools/run-model.ts';
import { createEventWebhooks } from './webhooks/event-subscriptions.ts';
import { createWebhookSender } from './webhooks/webhook-sender.ts';
import { createHookUrls, type HookSettings } from './webhooks-in/hook-urls.ts';
import { receiveWebhook, type WebhookReceiverDeps } from './webhooks-in/receive-webhook.ts';
import { hookRoutes } from './webhooks-in/routes.ts';

/** What it uses of the outside world. */
export type InferenceParts = Pick<Parts, 'bus' | 'database' | 'limits' | 'log' | 'replica'>;

export interface InferenceOptions {
  /** Closed by whoever opened them. */
  providers: readonly Provider[];
  /** Owner of the leases; unique per process (default: `parts.replica`). */
  replica?: string;
  /** How money is counted (default: no exchange rates, and a run of unknown price counts as one dollar). */
  money?: MoneyRules;
  /** Signs quotes; without it prices are told and nothing is held to them. */
  quoteSecret?: Secret | undefined;
  /** How long a quote is good (default ten minutes). */
  quoteTtlMs?: number;
  /** Millionths of a US dollar above which a person confirms a run; undefined: only where a threshold is set. */
  confirmAboveMicros?: number | undefined;
  /** For how many days the audit trail is kept (default 400). */
  auditDays?: number;
  /** The ceiling of every wait (default 600). */
  maxWaitSeconds?: number;
  /** Runs of one subject that have not ended, where no limit says otherwise (default 50,000). */
  maxOpenRuns?: number;
  /** Signs webhooks; without it a run with a webhook is refused. */
  webhookSecret?: Secret | undefined;
  /** For tests: webhooks to `http` on loopback. */
  allowLoopbackWebhooks?: boolean;
  /** Whether outputs are copied from the platforms (default true). */
  rehost?: boolean;
  /** The largest output that is copied (default 512 MiB). */
  maxOutputBytes?: number;
  /** For tests: outputs of hosted platforms from private addresses. */
  allowPrivateOutputs?: boolean;
  /** Where platforms can reach this deployment, and whether they are told so (default `auto`). */
  publicUrl?: string | undefined;
  webhooksIn?: HookSettings['mode'];
  /** Signs the addresses for the platforms' webhooks; without it there are none. */
  hookSecret?: Secret | undefined;
  trustedProxies?: AddressRanges;
  /** The longest that a platform waits for our answer (default 2 s). */
  hookBudgetMs?: number;
  /** Beside the public URL: where outputs are that are not copied, so that the view of a run can show them. */
  viewOrigins?: readonly string[];
  /** A folder of its own that outlives the process: what is known of submits until the rows have it. */
  journalFolder?: string | undefined;
  /** Whether no other process writes into that folder: whoever left something there has ended. */
  isJournalOwn?: boolean;
  /** For tests: how it writes there. */
  journalFiles?: JournalFiles;
  /** For tests, instead of the database's clock. */
  now?: () => number;
  random?: () => number;
  timings?: Partial<Timings>;
  limits?: Partial<PollerLimits>;
}

const outputConnectMs = 10_000;
/** Downloads at once from one host. */
const outputConnections = 64;

/** What this service answers: runs from their start to their end, what they cost, and what came out of them. */
export async function createInferenceService(
  parts: InferenceParts,
  options: InferenceOptions,
): Promise<HttpService> {
  const credentials = createCredentialClient(parts.bus);
  const clock = new SharedClock({ readTime: () => readDatabaseTime(parts.database), log: parts.log });
  if (options.now === undefined) await clock.start();
  const batches = new BatchDriver();
  const deps = createDeps(parts, options, { credentials, clock, batches });
  const { bus } = deps;
  bus.serve(runModel, inKnownTime(deps, handleRunModel(deps)));
  bus.serve(continueRun, handleContinueRun(deps));
  bus.serve(getRun, handleGetRun(deps));
  bus.serve(getTask, handleGetTask(deps));
  bus.serve(listRuns, handleListRuns(deps));
  bus.serve(cancelRun, inKnownTime(deps, handleCancelRun(deps)));
  bus.serve(runBatch, inKnownTime(deps, handleRunBatch(deps)));
  bus.serve(getBatch, handleGetBatch(deps));
  bus.serve(cancelBatch, inKnownTime(deps, handleCancelBatch(deps)));
  bus.serve(readUsage, handleReadUsage(deps));
  bus.serve(readBudgets, handleReadBudgets(deps));
  bus.serve(readOutputs, handleReadOutputs(deps));
  bus.serve(readDeliveries, handleReadDeliveries(deps));
  bus.serve(replayWebhook, handleReplayWebhook(deps));
  bus.serve(forgetPayload, handleForgetPayload(deps));
  bus.serve(readClientEvents, handleReadClientEvents(deps));
  bus.serve(browseRuns, handleBrowseRuns(deps));
  bus.serve(readSpend, handleReadSpend(deps));
  bus.serve(readOperation, handleReadOperation(deps));
  bus.serve(operate, inKnownTime(deps, handleOperate(deps)));
  serveRunSurface(deps, createRunView(viewOriginsOf(options)));
  const poller = new Poller(deps, { ...defaultPollerLimits, ...options.limits });
  await takeUpLeftovers(deps, { isOwn: options.isJournalOwn ?? false });
  poller.start();
  const looks = driveBatches(deps, batches);
  const webhooks = startWebhooks(deps, parts.limits);
  const trail = keepTrail(deps, options.auditDays ?? 400);
  const payloads = keepPayloads(deps);
  return {
    name: 'inference-poller',
    async routes(app) {
      await mountHooks(app, { deps, poller, limits: parts.limits, options });
      await mountConfirmPage(app, deps, options);
    },
    readiness: () => readinessOf(deps),
    lingerMs: poller.lingerMs,
    async drain(graceMs) {
      webhooks.stop();
      await endedSoon(deps, [looks.close(), batches.close()]);
      await poller.drain(graceMs);
    },
    async close() {
      webhooks.stop();
      const upkeep = [looks.close(), batches.close(), trail.close(), payloads.close()];
      poller.close();
      deps.insistence.close();
      deps.journal.close();
      clock.close();
      deps.waiters.close();
      credentials.close();
      await endedSoon(deps, upkeep);
      await Promise.all([webhooks.close(), deps.outputs.publicOnly.destroy()]);
    },
  };
}

function createDeps(
  parts: InferenceParts,
  options: InferenceOptions,
  {
    credentials,
    clock,
    batches,
  }: { credentials: CredentialClient; clock: SharedClock; batches: BatchDriver },
): InferenceDeps {
  const { bus, database, log, limits } = parts;
  const timings = { ...defaultTimings, ...options.timings };
  const replica = options.replica ?? parts.replica;
  const random = options.random ?? Math.random;
  const isTestClock = options.now !== undefined;
  const readPolicies = createPolicyReader(database.queries);
  const now = options.now ?? (() => clock.now());
  const onError = (error: unknown) => log.warn({ err: error }, 'waited-for runs could not be read');
  return {
    bus,
    database,
    log,
    replica,
    releases: new ReleaseQueue(database, replica),
    providers: new Map(options.providers.map((provider) => [provider.slug, provider])),
    batches,
    credentials,
    refusals: new KeyRefusals(),
    waiters: new RunWaiters({ bus, database, timings, onError }),
    metrics: createRunMetrics(database),
    timings,
    maxWaitSeconds: options.maxWaitSeconds ?? 600,
    runLimits: createRunLimits({
      ...{ queries: database.queries, now, maxOpenRuns: options.maxOpenRuns ?? 50_000 },
    }),
    money: options.money ?? parseInferenceConfig({}).money,
    quotes: createQuotes({ secret: options.quoteSecret, ttlMs: options.quoteTtlMs ?? 600_000, now }),
    confirm: confirmSettingsOf(options),
    webhooks: webhookSettingsOf(options),
    outputs: {
      isRehosted: async (row) => policyFor(await readPolicies(), row).rehost ?? options.rehost ?? true,
      maxBytes: options.maxOutputBytes ?? 512 * 1_048_576,
      allowPrivateHosts: options.allowPrivateOutputs ?? false,
      publicOnly: createPublicAgent({ timeoutMs: outputConnectMs, connections: outputConnections }),
    },
    hookUrls: createHookUrls({
      publicUrl: options.publicUrl,
      mode: options.webhooksIn ?? 'auto',
      secret: options.hookSecret,
    }),
    journal: new SubmitJournal({
      folder: options.journalFolder,
      notes: limits,
      log,
      timings,
      random,
      files: options.journalFiles,
    }),
    insistence: new Insistence({ log, timings, random }),
    now,
    sleptMs: () => (isTestClock ? 0 : clock.sleptMs()),
    clockReady: () => (isTestClock ? Promise.resolve() : clock.ready),
    isClockKnown: () => isTestClock || clock.isKnown,
    random,
  };
}

function webhookSettingsOf({ webhookSecret: secret, allowLoopbackWebhooks = false }: InferenceOptions) {
  const recipient = secret && derivedRecipient(secret, 'event subscriptions');
  return { secret, allowLoopback: allowLoopbackWebhooks, recipient };
}

/** What a process of before knew of its submits when it ended. */
async function takeUpLeftovers(deps: InferenceDeps, { isOwn }: { isOwn: boolean }): Promise<void> {
  for (const entry of await deps.journal.leftBehind()) {
    const { run_id: runId, submitted_at: submittedAt, token, handle, is_queued } = entry;
    const submit = { runId, submittedAt, token };
    const note = 'its job was in the journal';
    if (handle !== undefined) {
      const job = { ...submit, handle, isQueued: is_queued ?? false, note };
      deps.insistence.insist(runId, () => deps.clockReady().then(() => adopt(deps, job)));
    } else if (isOwn) {
      // Whoever sent it has ended without an answer.
      deps.insistence.insist(runId, () => deps.clockReady().then(() => noteReplyLost(deps, submit)));
    }
  }
}

interface Hooks {
  deps: InferenceDeps;
  poller: Poller;
  limits: InferenceParts['limits'];
  options: InferenceOptions;
}

async function mountHooks(app: FastifyInstance, { deps, poller, limits, options }: Hooks): Promise<void> {
  const { hookSecret: secret, trustedProxies, hookBudgetMs = 2_000 } = options;
  if (secret === undefined || options.webhooksIn === 'off') return;
  const receiver: WebhookReceiverDeps = {
    ...deps,
    adopt: (job) => adopt(deps, job),
    contextFor: async (row, signal) => ({ signal, ...toContext(await accessOf(deps, row, signal)) }),
    tell: (row, told) => poller.tell(row, told),
  };
  await hookRoutes(app, {
    secret,
    proxies: trustedProxies ?? parseAddressRanges([]),
    limits,
    log: deps.log,
    budgetMs: hookBudgetMs,
    receive: async (webhook, signal) => {
      await knowTime(deps);
      return receiveWebhook(receiver, webhook, signal);
    },
    now: deps.now,
  });
}

function startWebhooks(
  deps: InferenceDeps,
  limits: InferenceParts['limits'],
): { stop(): void; close(): Promise<void> } {
  const { bus } = deps;
  const sender = createWebhookSender(deps);
  let isStopped = false;
  const send = () => {
    if (isStopped || !deps.isClockKnown()) return;
    sender.sendDue().catch((error: unknown) => deps.log.warn({ err: error }, 'webhooks could not be sent'));
  };
  const timer = setInterval(send, deps.timings.upkeepMs);
  const subscription = bus.on(runFinished, ({ has_webhook: hasWebhook }) => {
    if (hasWebhook === true) send();
  });
  const events = createEventWebhooks({ deps, post: sender.post, limits, wakeSender: send });
  bus.serve(readEventKey, events.key);
  bus.serve(subscribeClientEvents, events.subscribe);
  bus.serve(unsubscribeClientEvents, events.unsubscribe);
  const looks = repeat(deps, { failed: 'subscriptions to events could not be looked at' }, events.look);
  return {
    stop() {
      isStopped = true;
      clearInterval(timer);
      subscription.unsubscribe();
      events.close();
    },
    async close() {
      await looks.close();
      await sender.close();
    },
  };
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const sweepEveryMs = 60_000;

/** Asks platforms to delete what was deleted here, and deletes here what is too old. */
function keepPayloads(deps: InferenceDeps): { close(): Promise<void> } {
  const keeper = createPayloadKeeper(deps);
  let sweptAt = 0;
  return repeat(deps, { failed: 'payloads could not be deleted' }, async () => {
    await keeper.askDue();
    if (deps.now() < sweptAt + sweepEveryMs) return;
    sweptAt = deps.now();
    while ((await keeper.sweep()) > 0);
  });
}

/** Gives runs of batches their turn, whoever began the batch. */
function driveBatches(deps: InferenceDeps, batches: BatchDriver): { close(): Promise<void> } {
  batches.start(deps);
  const looks = { failed: 'batches could not be looked at', everyMs: deps.timings.rereadMs };
  return repeat(deps, looks, () => batches.look());
}

/** What a store still holds up is taken up by others, and holds up no process that ends. */
async function endedSoon({ timings }: InferenceDeps, closing: readonly Promise<unknown>[]): Promise<void> {
  await Promise.race([Promise.all(closing), sleep(timings.storeTimeoutMs, undefined, { ref: false })]);
}

/** Does something again and again, never twice at once, until it is closed. */
function repeat(
  { log, timings, isClockKnown }: InferenceDeps,
  { failed, everyMs = timings.upkeepMs }: { failed: string; everyMs?: number },
  work: () => Promise<void>,
): { close(): Promise<void> } {
  let working: Promise<unknown> = Promise.resolve();
  let isWorking = false;
  const timer = setInterval(() => {
    if (isWorking || !isClockKnown()) return;
    isWorking = true;
    working = work()
      .catch((error: unknown) => log.warn({ err: error }, failed))
      .finally(() => {
        isWorking = false;
      });
  }, everyMs);
  return {
    async close() {
      clearInterval(timer);
      await working;
    },
  };
}

/** Chains what the audit trail was told, and deletes what is too old. */
function keepTrail(deps: InferenceDeps, days: number): { close(): Promise<void> } {
  const { database, now } = deps;
  let prunedAt = 0;
  return repeat(deps, { failed: 'the audit trail could not be kept' }, async () => {
    while ((await chainAudit(database)) > 0);
    if (now() < prunedAt + hourMs) return;
    prunedAt = now();
    await pruneAudit(database, { before: now() - days * dayMs, now: now() });
    await pruneRunLimits(database.queries, now() - 2 * dayMs);
  });
}

async function readinessOf({ bus, database }: InferenceDeps): ReturnType<Service['readiness']> {
  const problems: Record<string, string> = {};
  if (bus.problem !== undefined) problems.bus = bus.problem;
  await database.ping().catch(() => {
    problems.database = 'does not answer';
  });
  return { isReady: Object.keys(problems).length === 0, problems };
}

function viewOriginsOf({ publicUrl, viewOrigins = [] }: InferenceOptions): string[] {
  return [...(publicUrl === undefined ? [] : [publicUrl]), ...viewOrigins];
}
