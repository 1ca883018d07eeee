// A deployment in one process: replicas of the real service with the real bus, database, limits and journal, each on a
// machine of its own whose links, clock, disk and life the faults of a world get at.
import { Readable } from 'node:stream';
import { type Bus, createBus, createInProcessTransport, type Transport } from '@inferry/bus';
import {
  type JsonObject,
  openCredential,
  type PreparedModel,
  prepareRun,
  prepareRuns,
  releaseCredential,
  reportCredential,
  Secret,
} from '@inferry/contracts';
import { type Database, openDatabase } from '@inferry/database';
import {
  createInferenceService,
  type InferenceOptions,
  parseInferenceConfig,
  type Timings,
} from '@inferry/inference-poller';
import { createInProcessLimits, type Limits } from '@inferry/limits';
import type { HttpService } from '@inferry/runtime';
import { type CompiledQuery, Kysely, type QueryResult, SqliteAdapter, SqliteIntrospector } from 'kysely';
import { pino } from 'pino';
import { ask, Link, linkedTransport, Server } from './network.ts';
import type { SimPlatform } from './platform.ts';
import { type Scheduler, SimProcess } from './scheduler.ts';

export const linkNames = ['database', 'notes', 'bus', 'platform'] as const;
export type LinkName = (typeof linkNames)[number];

/**
 * Half as long as they come, and the bound after which a submit is believed lost a tenth: two minutes of nothing show nothing,
 * and a world costs what it does in them.
 */
export const timings = {
  ...{ leaseMs: 3_000, renewMs: 750, tickMs: 3_000, rereadMs: 1_500, signOfLifeMs: 4_000 },
  ...{ submitTimeoutMs: 4_000, pollTimeoutMs: 2_500, settleMs: 1_000, submitSettlesMs: 8_000 },
  ...{ cancelWaitMs: 4_000, retryBaseMs: 500, retryMaxMs: 4_000 },
  pollSteps: [{ untilMs: Number.POSITIVE_INFINITY, everyMs: 1_500 }],
} satisfies Partial<Timings>;
/** Nobody looks for deadlines as often as on a machine of its own. */
const busTimings = { sweepMs: 300 };

/** Under which the platform sells the same. */
const names = ['sim', 'sim2'] as const;

const statementMs = 2_500;
const log = pino({ level: 'silent' });

/** One of the machines that the service runs on: what outlives its processes. */
export interface Machine {
  name: string;
  links: Readonly<Record<LinkName, Link>>;
  disk: SimDisk;
  process: SimProcess;
  service: HttpService | undefined;
  /** Takes the reports of platforms. */
  receive: ReportHandler | undefined;
  starts: number;
}

type ReportHandler = (token: string, body: string) => Promise<void>;
export type JournalFiles = NonNullable<InferenceOptions['journalFiles']>;

/** Files as they are when the power goes: what was being written is there in half. */
export class SimDisk {
  isFull = false;
  readonly files = new Map<string, string>();
  readonly #scheduler: Scheduler;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  filesFor(process: SimProcess): JournalFiles {
    const { files } = this;
    const work = (what: string) =>
      this.#scheduler.pass(process, 0.1 + this.#scheduler.random.next() * 4, `disk: ${what}`);
    return {
      write: async (file, text) => {
        files.set(file, this.isFull ? '' : text.slice(0, text.length / 2));
        await work('writes');
        if (this.isFull) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
        files.set(file, text);
      },
      rename: async (from, to) => {
        await work('renames');
        const text = files.get(from);
        if (text === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
        files.delete(from);
        files.set(to, text);
      },
      remove: async (file) => {
        await work('removes');
        files.delete(file);
      },
      read: async (file) => {
        await work('reads');
        return files.get(file);
      },
      list: async (folder) => {
        await work('lists');
        return [...files.keys()]
          .filter((file) => file.startsWith(folder))
          .map((file) => file.slice(folder.length + 1));
      },
    };
  }
}

let opened: Promise<Database> | undefined;

/** One file in memory for all worlds: each begins with what a migrated database has, and leaves nothing. */
export function sharedDatabase(): Promise<Database> {
  opened ??= (async () => {
    const database = openDatabase({ url: 'sqlite::memory:' });
    await database.migrate();
    return database;
  })();
  return opened;
}

export interface DeploymentParts {
  scheduler: Scheduler;
  database: Database;
  platform: SimPlatform;
  hasJournals: boolean;
  hasReports: boolean;
  /** A model may be had under two names. */
  hasEqual: boolean;
  /** Called when something may have been written. */
  onWrite?: (() => Promise<void>) | undefined;
}

export class Deployment {
  readonly machines: Machine[] = [];
  readonly servers = { database: new Server('the database'), notes: new Server('the store of notes') };
  readonly notes: Limits = createInProcessLimits();
  readonly parts: DeploymentParts;
  /** Where callers come in. */
  readonly client: Bus;
  readonly gateway: SimProcess;
  readonly #router: Transport = createInProcessTransport();

  constructor(parts: DeploymentParts) {
    this.parts = parts;
    const { scheduler } = parts;
    this.gateway = new SimProcess('gateway');
    const neighbours = new SimProcess('neighbours');
    const link = (name: string) => new Link(scheduler, name);
    this.client = scheduler.within(this.gateway, () =>
      createBus(linkedTransport(this.#router, this.gateway, link('gateway>bus')), {
        name: 'mcp-gateway',
        timings: busTimings,
      }),
    );
    scheduler.within(neighbours, () => {
      const transport = linkedTransport(this.#router, neighbours, link('neighbours>bus'));
      serveNeighbours(createBus(transport, { name: 'neighbours', timings: busTimings }), parts);
    });
  }

  addMachine(): Machine {
    const { scheduler } = this.parts;
    const name = `m${this.machines.length + 1}`;
    const links = Object.fromEntries(linkNames.map((to) => [to, new Link(scheduler, `${name}>${to}`)]));
    const machine: Machine = {
      // as: made from all the names that there are.
      ...{ name, links: links as Record<LinkName, Link>, disk: new SimDisk(scheduler) },
      ...{ process: new SimProcess(`${name}.0`), service: undefined, receive: undefined, starts: 0 },
    };
    this.machines.push(machine);
    return machine;
  }

  /** Starts the service on a machine whose last process is gone. */
  start(machine: Machine): void {
    const process = new SimProcess(`${machine.name}.${++machine.starts}`);
    machine.process = process;
    machine.service = undefined;
    machine.receive = undefined;
    this.parts.scheduler.within(process, () => {
      this.#serve(machine, process).catch((error: unknown) => {
        if (process.state !== 'dead') throw error;
      });
    });
  }

  async #serve(machine: Machine, process: SimProcess): Promise<void> {
    const { scheduler, database, platform, hasJournals, hasReports, hasEqual } = this.parts;
    const { links, disk } = machine;
    const bus = createBus(linkedTransport(this.#router, process, links.bus), {
      name: 'inference-poller',
      timings: busTimings,
    });
    const parts = {
      ...{ bus, log, replica: process.name },
      database: this.#linkedDatabase(database, process, links.database),
      limits: this.#linkedLimits(process, links.notes),
    };
    const service = await createInferenceService(parts, {
      providers: (hasEqual ? names : names.slice(0, 1)).map((name) =>
        platform.adapter(process, links.platform, name),
      ),
      ...{ timings, rehost: false },
      ...{ quoteSecret: new Secret('of every replica'), money, limits: { maxLocal: 2 } },
      ...(hasJournals && { journalFolder: 'journal', isJournalOwn: true }),
      journalFiles: disk.filesFor(process),
      ...(hasReports && {
        hookSecret: new Secret('of hooks'),
        publicUrl: 'https://sim.example',
        webhooksIn: 'on',
      }),
      random: () => scheduler.random.next(),
    });
    if (process.state === 'dead') return;
    machine.service = service;
    if (hasReports) machine.receive = await reportsOf(service);
  }

  #linkedDatabase(database: Database, process: SimProcess, link: Link): Database {
    const server = this.servers.database;
    const question = { server, timeoutMs: statementMs };
    const executor = database.queries.getExecutor();
    const watched = async <T>(work: Promise<T>): Promise<T> => {
      const result = await work;
      await this.parts.onWrite?.();
      return result;
    };
    const connection = {
      executeQuery: <R>(query: CompiledQuery): Promise<QueryResult<R>> => {
        const isWrite = query.query.kind !== 'SelectQueryNode';
        // as: the rows are what whoever compiled it says, here and there.
        const work = () => executor.executeQuery(query as CompiledQuery<R>);
        return ask(process, link, {
          ...{ ...question, what: 'a statement', isWrite },
          work: () => (isWrite && this.parts.onWrite !== undefined ? watched(work()) : work()),
        });
      },
      // biome-ignore lint/correctness/useYield: the interface wants a generator, and nothing here streams.
      async *streamQuery(): AsyncIterableIterator<never> {
        throw new Error('nothing streams here');
      },
    };
    const driver = {
      init: async () => undefined,
      acquireConnection: async () => connection,
      beginTransaction: () => Promise.reject(new Error('by `transaction` alone')),
      commitTransaction: () => Promise.reject(new Error('by `transaction` alone')),
      rollbackTransaction: () => Promise.reject(new Error('by `transaction` alone')),
      releaseConnection: async () => undefined,
      destroy: async () => undefined,
    };
    const queries: Database['queries'] = new Kysely({
      dialect: {
        createDriver: () => driver,
        createAdapter: () => new ManyConnections(),
        createQueryCompiler: () => executor,
        createIntrospector: (inner) => new SqliteIntrospector(inner),
      },
    });
    return {
      ...database,
      queries,
      transaction: (work) =>
        ask(process, link, {
          ...{ ...question, what: 'a transaction', isJoint: true },
          work: () => {
            const done = database.transaction(work);
            return this.parts.onWrite === undefined ? done : watched(done);
          },
        }),
      ping: () => ask(process, link, { ...question, what: 'a ping', work: () => database.ping() }),
      close: async () => undefined,
    };
  }

  #linkedLimits(process: SimProcess, link: Link): Limits {
    const { notes, servers } = this;
    const far = <T>(what: string, work: () => Promise<T>) =>
      ask(process, link, { server: servers.notes, timeoutMs: 1_000, what, work });
    return {
      hit: (hit) => far('a hit', () => notes.hit(hit)),
      hitAll: (hits) => far('hits', () => notes.hitAll(hits)),
      acquire: (key, ttlMs) => far('a lock', () => notes.acquire(key, ttlMs)),
      release: (key, token) => far('an unlock', () => notes.release(key, token)),
      note: (key, text, ttlMs) => far('a note', () => notes.note(key, text, ttlMs)),
      readNote: (key) => far('reads a note', () => notes.readNote(key)),
      dropNote: (key) => far('drops a note', () => notes.dropNote(key)),
      ping: () => far('a ping', () => notes.ping()),
      close: async () => undefined,
    };
  }
}

class ManyConnections extends SqliteAdapter {
  override get supportsMultipleConnections(): boolean {
    return true;
  }
}

const { money } = parseInferenceConfig({});

/** Everything is one model of the platform, for at most half a dollar, and needs no key. */
function serveNeighbours(bus: Bus, { hasEqual }: DeploymentParts): void {
  const prepared = (provider: string, input: JsonObject): PreparedModel => ({
    ...{ model: `${provider}/model`, provider, native_id: 'model', kind: 'model', input },
    ...{ file_fields: [], problems: [] },
    quote: { currency: 'USD', max: 0.5, exact: false, unpriced_inputs: [], basis: 'per_request' },
  });
  const [first, second] = names;
  bus.serve(prepareRun, async ({ input }) => ({
    ...prepared(first, input),
    ...(hasEqual && { equal: { alias: 'same', why: 'in order', others: [prepared(second, input)] } }),
  }));
  bus.serve(prepareRuns, async ({ inputs }) => ({ runs: inputs.map((input) => prepared(first, input)) }));
  bus.serve(openCredential, async () => ({ credential: null }));
  bus.serve(reportCredential, async () => ({ outcome: 'unknown' }));
  bus.serve(releaseCredential, async () => ({ released: true }));
}

type Routes = Parameters<HttpService['routes']>[0];
type Handler = (request: unknown, reply: unknown) => Promise<void>;

/** The route of the platforms' reports, without a server before it: there is no socket in a simulated world. */
async function reportsOf(service: HttpService): Promise<ReportHandler> {
  let handler: Handler | undefined;
  const nothing = () => undefined;
  const hooks = {
    ...{ removeAllContentTypeParsers: nothing, addContentTypeParser: nothing },
    ...{ setNotFoundHandler: nothing, setErrorHandler: nothing },
    post: (path: string, found: Handler) => {
      if (path === '/v1/:token') handler = found;
    },
  };
  const app = {
    async register(plugin: (...args: unknown[]) => unknown, { prefix }: { prefix?: string } = {}) {
      if (prefix === '/hooks') plugin(hooks, {}, nothing);
    },
  };
  // as: of a server, routes are all that is wanted here.
  await service.routes(app as unknown as Routes);
  return async (token, body) => {
    const raw = Object.assign(Readable.from([Buffer.from(body)]), {
      ...{ headers: {}, headersDistinct: {}, socket: { remoteAddress: '192.0.2.1' } },
    });
    const reply = { code: () => reply, send: async () => undefined };
    await handler?.({ params: { token }, raw }, reply);
  };
}
