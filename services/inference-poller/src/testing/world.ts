import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Bus,
  type ClientSide,
  createBus,
  createInProcessTransport,
  type Progress,
  type Transport,
} from '@inferry/bus';
import {
  type AnyOperation,
  type AnyTool,
  AppError,
  cancelRun,
  continueRun,
  type ErrorEnvelope,
  getRun,
  type JsonObject,
  listRuns,
  localPrincipal,
  openCredential,
  type PreparedRun,
  type Principal,
  type Problem,
  prepareRun,
  prepareRuns,
  type RpcContract,
  type Run,
  releaseCredential,
  reportCredential,
  runModel,
  Secret,
  type WaitBudget,
} from '@inferry/contracts';
import { purposes } from '@inferry/credentials';
import { type Database, openDatabase, type RunRow } from '@inferry/database';
import { createInProcessLimits, type Limits } from '@inferry/limits';
import { canonicalTool } from '@inferry/profiles';
import type { HttpService } from '@inferry/runtime';
import { sealText } from '@inferry/seals';
import { pino } from 'pino';
import type { z } from 'zod';
import { createInferenceService, type InferenceOptions } from '../service.ts';
import type { Timings } from '../timings.ts';
import { CrashGate } from './crash-gate.ts';
import { type FakeFiles, startFakeFiles } from './fake-files.ts';
import { Platform } from './platform.ts';

/** Everything a hundred times as fast, so that tests of minutes take milliseconds. */
export const fastTimings: Timings = {
  leaseMs: 300,
  renewMs: 75,
  tickMs: 30,
  rereadMs: 40,
  signOfLifeMs: 80,
  submitTimeoutMs: 250,
  pollTimeoutMs: 250,
  storeTimeoutMs: 3_000,
  cancelWaitMs: 500,
  runTtlMs: 3_600_000,
  storeGraceMs: 6 * 3_600_000,
  settleMs: 10,
  submitSettlesMs: 70,
  retryBaseMs: 5,
  retryMaxMs: 40,
  progressMs: 5,
  pollSteps: [{ untilMs: Number.POSITIVE_INFINITY, everyMs: 10 }],
  webhookRetriesMs: [20, 20, 20],
  webhookTimeoutMs: 300,
  upkeepMs: 50,
};

const busTimings = { heartbeatMs: 100, lostAfterMs: 500, sweepMs: 25 };

export interface Reply {
  run?: z.infer<typeof Run>;
  error?: ErrorEnvelope & { details?: { run?: z.infer<typeof Run> } };
  [name: string]: unknown;
}

export interface CallSettings {
  principal?: Principal;
  wait?: WaitBudget;
  signal?: AbortSignal;
  callId?: string;
  onProgress?: (progress: Progress) => void;
  timeoutMs?: number;
  client?: ClientSide;
}

export interface Replica {
  name: string;
  gate: CrashGate;
  bus: Bus;
  service: HttpService;
}

export const alice: Principal = { ...localPrincipal, subject: 'alice' };
export const bob: Principal = { ...localPrincipal, subject: 'bob' };

/** A deployment in one process: a database, a bus, a platform, the neighbours' contracts; replicas come and go. */
export class World {
  readonly database: Database;
  readonly files: FakeFiles;
  readonly platform = new Platform();
  readonly limits: Limits = createInProcessLimits();
  readonly replicas: Replica[] = [];
  /** How often the catalog was asked. */
  catalogCalls = 0;
  catalogIsDown = false;
  /** What every price is higher by. */
  surcharge = 0;
  /** Subject to key: what the vault has. */
  readonly keys = new Map<string, { key: string; connectionId: string }>();
  /** A second key of the subject, used while the first is limited. */
  readonly spareKeys = new Map<string, { key: string; connectionId: string }>();
  /** Connections whose platform wants to be left alone. */
  readonly limited = new Set<string>();
  vaultIsDown = false;
  /** What the vault was told: `report conn_1`, `release ada`. */
  readonly vaultHeard: string[] = [];
  /** While true, events never arrive; calls do. */
  losesEvents = false;
  /** Added to the real time by every replica's clock. */
  skipped = 0;
  readonly #transport: Transport;
  readonly #client: Bus;
  readonly #neighbours: Bus;

  constructor(parts: { database: Database; transport: Transport; neighbours: Bus; files: FakeFiles }) {
    this.database = parts.database;
    this.files = parts.files;
    this.#transport = parts.transport;
    this.#neighbours = parts.neighbours;
    this.#client = createBus(parts.transport, { name: 'client', timings: busTimings });
    serveCatalog(parts.neighbours, this);
    serveVault(parts.neighbours, this);
  }

  async addReplica({
    gate = new CrashGate(),
    database: own = this.database,
    ...options
  }: Partial<InferenceOptions> & { gate?: CrashGate; database?: Database } = {}): Promise<Replica> {
    const name = `replica-${this.replicas.length + 1}`;
    const isLost = (subject: string) => this.losesEvents && subject.startsWith('events.');
    const transport = gate.guardTransport(this.#transport, isLost);
    const bus = createBus(transport, { name: 'inference-poller', timings: busTimings });
    const database = gate.guardDatabase(own);
    const providers = options.providers ?? [this.platform.provider()];
    const service = await createInferenceService(
      { bus, database, limits: gate.guardNotes(this.limits), log: pino({ level: 'silent' }), replica: name },
      {
        allowPrivateOutputs: true,
        quoteSecret: new Secret('of every replica'),
        journalFiles: gate.guardFiles(),
        now: () => Date.now() + this.skipped,
        ...options,
        timings: { ...fastTimings, ...options.timings },
        providers: providers.map((provider) => gate.guardProvider(provider)),
      },
    );
    const replica = { name, gate, bus, service };
    this.replicas.push(replica);
    return replica;
  }

  async call(
    operation: AnyOperation,
    args: JsonObject,
    settings: CallSettings = {},
  ): Promise<Reply & { text: string; isError: boolean }> {
    // What goes on with a run is shown by the tool that started it.
    const tool = canonicalTool(operation === continueRun ? runModel : operation);
    const { structuredContent, meta: _, ...shown } = await this.show(tool, args, { operation, ...settings });
    // as: the canonical tools of runs show these fields.
    return { ...(structuredContent as Reply), ...shown };
  }

  /** Calls a tool of any profile. */
  async show(
    tool: AnyTool,
    args: JsonObject,
    settings: CallSettings & { operation?: AnyOperation } = {},
  ): Promise<{ structuredContent: JsonObject; text: string; isError: boolean; meta?: JsonObject }> {
    const wait = { defaultSeconds: 10, maxSeconds: 600 };
    const options = { principal: alice, wait, ...settings };
    const reply: unknown = JSON.parse(await this.#client.callTool(tool, args, options));
    // as: the bus renders every tool reply as a ToolResult.
    const result = reply as {
      content: { text?: string }[];
      structuredContent: JsonObject;
      isError?: boolean;
      _meta?: JsonObject;
    };
    const text = result.content.map((block) => block.text ?? '').join('\n');
    const { structuredContent, _meta: meta } = result;
    return { structuredContent, text, isError: result.isError === true, ...(meta && { meta }) };
  }

  ask<I extends z.ZodType, O extends z.ZodType>(
    rpc: RpcContract<I, O>,
    input: z.input<I>,
    principal: Principal = alice,
  ): Promise<z.infer<O>> {
    return this.#client.call(rpc, input, { principal });
  }

  run(args: JsonObject = {}, settings: CallSettings = {}): ReturnType<World['call']> {
    return this.call(runModel, { model: 'scripted/model', input: {}, ...args }, settings);
  }

  get(runId: string, args: JsonObject = {}, settings: CallSettings = {}): ReturnType<World['call']> {
    return this.call(getRun, { run_id: runId, ...args }, settings);
  }

  cancel(runId: string, settings: CallSettings = {}): ReturnType<World['call']> {
    return this.call(cancelRun, { run_id: runId }, settings);
  }

  list(args: JsonObject = {}, settings: CallSettings = {}): ReturnType<World['call']> {
    return this.call(listRuns, args, settings);
  }

  /** Starts a run without waiting for it. */
  async start(args: JsonObject = {}, settings: CallSettings = {}): Promise<string> {
    const { run, text } = await this.run({ wait_seconds: 0, ...args }, settings);
    if (run === undefined) throw new Error(`no run was started: ${text}`);
    return run.run_id;
  }

  row(runId: string): Promise<RunRow> {
    const { queries } = this.database;
    return queries.selectFrom('runs').selectAll().where('run_id', '=', runId).executeTakeFirstOrThrow();
  }

  /** The ledger of a run: kind to amount in millionths. */
  async ledger(runId: string): Promise<Record<string, number>> {
    const { queries } = this.database;
    const entries = await queries.selectFrom('ledger').selectAll().where('run_id', '=', runId).execute();
    return Object.fromEntries(entries.map(({ kind, amount_micros: amount }) => [kind, amount]));
  }

  /** The run once it has come to a phase. */
  async reached(runId: string, phase: string): Promise<RunRow> {
    const deadline = Date.now() + 45_000;
    for (;;) {
      const row = await this.row(runId);
      if (row.phase === phase) return row;
      if (Date.now() > deadline) throw new Error(`run ${runId} is still ${row.phase}`);
      await sleep(5);
    }
  }

  ended(runId: string): Promise<RunRow> {
    return this.reached(runId, 'done');
  }

  async close(): Promise<void> {
    for (const { service, gate } of this.replicas) {
      // What a dead process waits for never comes.
      const closed = service.close();
      if (!gate.isCrashed) await closed;
      gate.crash();
    }
    await this.#client.close();
    await this.#neighbours.close();
    await this.files.close();
    await this.limits.close();
    await this.database.close();
  }
}

export async function createWorld(url = 'sqlite::memory:'): Promise<World> {
  const transport = createInProcessTransport();
  const database = openDatabase({ url });
  await database.migrate();
  const neighbours = createBus(transport, { name: 'neighbours' });
  return new World({ database, transport, neighbours, files: await startFakeFiles(neighbours) });
}

/** The vault: a key and a spare one at most for each subject. */
function serveVault(neighbours: Bus, world: World): void {
  neighbours.serve(openCredential, async ({ provider, public_key, connection_id }, { principal }) => {
    if (world.vaultIsDown) throw new AppError('unavailable', 'The vault is away.');
    const all = keysOf(world, principal.subject);
    const one =
      connection_id === undefined
        ? (all.find(({ connectionId }) => !world.limited.has(connectionId)) ?? all[0])
        : all.find(({ connectionId }) => connectionId === connection_id);
    if (one === undefined) return { credential: null };
    const { key, connectionId } = one;
    const sealed = sealText(new Secret(key), public_key, purposes.credential(provider, connectionId));
    return { credential: { connection_id: connectionId, sealed, expires_in_seconds: 0 } };
  });
  neighbours.serve(
    reportCredential,
    async ({ connection_id: id, limited_seconds: seconds }, { principal }) => {
      if (world.vaultIsDown) throw new AppError('unavailable', 'The vault is away.');
      world.vaultHeard.push(seconds === undefined ? `report ${id}` : `limit ${id} ${seconds} s`);
      if (seconds === undefined) return { outcome: 'rejected' };
      world.limited.add(id);
      const others = keysOf(world, principal.subject).filter((one) => !world.limited.has(one.connectionId));
      return { outcome: 'unknown', has_other: others.length > 0 };
    },
  );
  neighbours.serve(releaseCredential, async (_input, { principal }) => {
    world.vaultHeard.push(`release ${principal.subject}`);
    return { released: true };
  });
}

function keysOf(world: World, subject: string): { key: string; connectionId: string }[] {
  return [world.keys.get(subject), world.spareKeys.get(subject)].filter((one) => one !== undefined);
}

/** A model `prompted` needs a prompt; nothing takes `bad`. */
function problemsOf(model: string, { bad, prompt }: JsonObject): Problem[] {
  if (bad === true) return [{ path: 'bad', message: 'is not allowed' }];
  const needsPrompt = model.endsWith('/prompted') && prompt === undefined;
  return needsPrompt ? [{ path: 'prompt', message: 'is required', hint: 'string' }] : [];
}

/** The catalog: what stands before the slash is the provider; `price` in the input is the quote, `bad` a problem, `file` a file. */
function serveCatalog(neighbours: Bus, world: World): void {
  const prepare = ({ model, input }: { model: string; input: JsonObject }): PreparedRun => {
    world.catalogCalls += 1;
    if (world.catalogIsDown) throw new AppError('catalog_fetch_failed', 'The catalog is down.');
    if (model.endsWith('/none')) throw new AppError('model_not_found', 'There is no such model.');
    const { price = 0.5 } = input;
    const max = typeof price === 'number' ? { max: price + world.surcharge } : {};
    const full = model.includes('/') ? model : `scripted/${model}`;
    return {
      model: full,
      provider: full.slice(0, full.indexOf('/')),
      native_id: 'model',
      kind: 'model',
      input: { ...input, ...(typeof input.steps === 'string' ? { steps: Number(input.steps) } : {}) },
      file_fields: 'file' in input ? ['/file'] : [],
      quote: {
        currency: 'USD',
        ...max,
        exact: input.exact !== false,
        unpriced_inputs: [],
        basis: 'per_request',
      },
      problems: problemsOf(model, input),
    };
  };
  const prepareAny = (asked: { model: string; input: JsonObject }): PreparedRun => {
    if (asked.model !== 'twins') return prepare(asked);
    const { price, otherPrice = price } = asked.input;
    const others = [prepare({ model: 'other/model', input: { ...asked.input, price: otherPrice } })];
    const first = prepare({ ...asked, model: 'scripted/model' });
    return { ...first, equal: { alias: 'twins', why: 'first of 2', others } };
  };
  neighbours.serve(prepareRun, async (asked) => prepareAny(asked));
  neighbours.serve(prepareRuns, async ({ model, inputs }) => ({
    runs: inputs.map((input) => prepareAny({ model, input })),
  }));
}
