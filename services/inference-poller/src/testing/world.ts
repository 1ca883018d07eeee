import { type Bus, createBus, createInProcessTransport, type Progress } from '@inferry/bus';
import {
  type AnyTool,
  AppError,
  cancelRun,
  type ErrorEnvelope,
  getRun,
  type JsonObject,
  listRuns,
  localPrincipal,
  type Principal,
  prepareRun,
  type Run,
  runModel,
  type WaitBudget,
} from '@inferry/contracts';
import { type Database, openDatabase, type RunRow } from '@inferry/database';
import type { Service } from '@inferry/runtime';
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
  retryBaseMs: 5,
  retryMaxMs: 40,
  persistMs: 1_000,
  progressMs: 5,
  pollSteps: [{ untilMs: Number.POSITIVE_INFINITY, everyMs: 10 }],
  webhookRetriesMs: [20, 20, 20],
  webhookTimeoutMs: 300,
};

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
}

export interface Replica {
  name: string;
  gate: CrashGate;
  bus: Bus;
  service: Service;
}

export interface World {
  database: Database;
  platform: Platform;
  files: FakeFiles;
  replicas: Replica[];
  /** How often the catalog was asked. */
  catalogCalls: number;
  catalogIsDown: boolean;
  /** Added to the real time by every replica's clock. */
  skipped: number;
  addReplica(options?: Partial<InferenceOptions> & { gate?: CrashGate }): Promise<Replica>;
  call(
    tool: AnyTool,
    args: JsonObject,
    settings?: CallSettings,
  ): Promise<Reply & { text: string; isError: boolean }>;
  run(args?: JsonObject, settings?: CallSettings): ReturnType<World['call']>;
  get(runId: string, args?: JsonObject, settings?: CallSettings): ReturnType<World['call']>;
  cancel(runId: string, settings?: CallSettings): ReturnType<World['call']>;
  list(args?: JsonObject, settings?: CallSettings): ReturnType<World['call']>;
  row(runId: string): Promise<RunRow>;
  close(): Promise<void>;
}

export const alice: Principal = { ...localPrincipal, subject: 'alice' };
export const bob: Principal = { ...localPrincipal, subject: 'bob' };

/** A deployment in one process: a database, a bus, a platform, the neighbours' contracts; replicas come and go. */
export async function createWorld(url = 'sqlite::memory:'): Promise<World> {
  const transport = createInProcessTransport();
  const database = openDatabase({ url });
  await database.migrate();
  const client = createBus(transport, { name: 'client' });
  const neighbours = createBus(transport, { name: 'neighbours' });
  const files = await startFakeFiles(neighbours);
  const platform = new Platform();

  const call: World['call'] = async (tool, args, settings = {}) => {
    const options = { principal: alice, wait: { defaultSeconds: 10, maxSeconds: 600 }, ...settings };
    const reply: unknown = JSON.parse(await client.callTool(tool, args, options));
    // as: the bus renders every tool reply as a ToolResult.
    const result = reply as { content: { text?: string }[]; structuredContent: Reply; isError?: boolean };
    const text = result.content.map((block) => block.text ?? '').join('\n');
    return { ...result.structuredContent, text, isError: result.isError === true };
  };

  const world: World = {
    database,
    platform,
    files,
    replicas: [],
    catalogCalls: 0,
    catalogIsDown: false,
    skipped: 0,
    async addReplica({ gate = new CrashGate(), ...options } = {}) {
      const name = `replica-${world.replicas.length + 1}`;
      const bus = createBus(gate.guardTransport(transport), { name: 'inference-poller' });
      const service = await createInferenceService(
        {
          bus,
          database: gate.guardDatabase(database),
          log: pino({ level: 'silent' }),
          replica: name,
        },
        {
          allowPrivateOutputs: true,
          now: () => Date.now() + world.skipped,
          ...options,
          timings: { ...fastTimings, ...options.timings },
          providers: (options.providers ?? [platform.provider()]).map((provider) =>
            gate.guardProvider(provider),
          ),
        },
      );
      const replica = { name, gate, bus, service };
      world.replicas.push(replica);
      return replica;
    },
    call,
    run: (args = {}, settings = {}) =>
      call(runModel, { model: 'scripted/model', input: {}, ...args }, settings),
    get: (runId, args = {}, settings = {}) => call(getRun, { run_id: runId, ...args }, settings),
    cancel: (runId, settings = {}) => call(cancelRun, { run_id: runId }, settings),
    list: (args = {}, settings = {}) => call(listRuns, args, settings),
    row: (runId) =>
      database.queries.selectFrom('runs').selectAll().where('run_id', '=', runId).executeTakeFirstOrThrow(),
    async close() {
      for (const { service, gate } of world.replicas) {
        await service.close();
        gate.crash();
      }
      await client.close();
      await neighbours.close();
      await files.close();
      await database.close();
    },
  };
  serveCatalog(neighbours, world);
  return world;
}

/** The catalog: `price` in the input is the quote, `bad` a problem, `file` a file. */
function serveCatalog(bus: Bus, world: World): void {
  bus.serve(prepareRun, async ({ model, input }) => {
    world.catalogCalls += 1;
    if (world.catalogIsDown) throw new AppError('catalog_fetch_failed', 'The catalog is down.');
    if (model === 'scripted/none') throw new AppError('model_not_found', 'There is no such model.');
    const { price = 0.5 } = input;
    const max = typeof price === 'number' ? { max: price } : {};
    return {
      model: model.includes('/') ? model : `scripted/${model}`,
      provider: 'scripted',
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
      problems: input.bad === true ? [{ path: 'bad', message: 'is not allowed' }] : [],
    };
  });
}
