// One world: a deployment, its callers, its platform and its faults, all drawn from one seed, from the first call to the rest
// after the last fault.
import { setBudget, setRunLimit } from '@inferry/database';
import { sql } from 'kysely';
import type { Random } from '../trial/random.ts';
import { BatchCallers } from './batch-callers.ts';
import { Callers } from './callers.ts';
import { Deployment, sharedDatabase, timings } from './deployment.ts';
import { Faults } from './faults.ts';
import { beginWorld, useScheduler } from './globals.ts';
import { findViolations } from './invariants.ts';
import { type PlatformManner, type SimJob, SimPlatform } from './platform.ts';
import { Scheduler, type SimProcess } from './scheduler.ts';
import { hasEndedBefore, Turns } from './turns.ts';

export interface WorldReport {
  seed: number;
  violations: string[];
  /** Of every step: the same seed has the same. */
  hash: string;
  steps: number;
  simulatedMs: number;
  /** How often what was drawn. */
  counts: Readonly<Record<string, number>>;
  runs: number;
  taken: number;
  answered: number;
  faults: string[];
}

/**
 * Most worlds are of the usual kind. Three in eight are about what a story of chance comes to too seldom: a process that stands
 * still with its connection made or is told to stop then, an answer that one disk, one memory or the notes alone have, batches,
 * models that are equal, and bounds on what is under way.
 */
const unasked = { canRecover: false, reports: false, isInCall: false } as const;
const kinds = {
  usual: { manner: {}, machines: [1, 2, 2, 3] },
  stalled: { manner: { canRecover: true, announces: true, isInCall: false }, machines: [2, 2, 3] },
  kept: { manner: unasked, machines: [1, 1, 2] },
  remembered: { manner: unasked, machines: [2, 2, 3] },
  noted: { manner: unasked, machines: [2, 2, 3] },
  batch: { manner: {}, machines: [1, 2, 2, 3] },
  equal: { manner: { isInCall: false, temper: 'refusing' }, machines: [1, 2, 2, 3] },
  stopped: { manner: { isInCall: false, temper: 'slow' }, machines: [1, 2, 2] },
  limited: { manner: {}, machines: [1, 2, 2, 3] },
} as const;
type WorldKind = keyof typeof kinds;

const rare = ['remembered', 'noted', 'batch', 'equal', 'stopped', 'limited'] as const;

function kindOf(seed: number): WorldKind {
  if (seed % 8 === 5) return rare[(seed >>> 3) % rare.length] ?? 'usual';
  if (seed % 8 === 6) return 'stalled';
  return seed % 8 === 7 ? 'kept' : 'usual';
}

/** What the product's bound leaves a platform: a submit leaves before its own deadline, counted from when it was written down. */
const submitKnownMs = timings.submitSettlesMs;
const loadMs = 6_000;
const restMs = 300_000;
/** What a process does with an answer within this time is not undone by its death. */
const keptAfterMs = 700;

export async function runWorld(seed: number, onStep?: (line: string) => void): Promise<WorldReport> {
  const database = await sharedDatabase();
  const scheduler = new Scheduler(seed);
  scheduler.onStep = onStep;
  useScheduler(scheduler);
  const undo = beginWorld();
  try {
    return await new World(scheduler, { database, kind: kindOf(seed) }).live(seed);
  } finally {
    // What still waits in this world waits for good.
    useScheduler(new Scheduler(0));
    undo();
  }
}

function drawManner(random: Random): PlatformManner {
  const isInCall = random.chance(0.15);
  const reports = !isInCall && random.chance(0.4);
  return {
    ...{ canRecover: random.chance(0.6), announces: random.chance(0.8) || isInCall },
    ...{ reports, cancels: random.chance(0.6), isInCall },
  };
}

type Database = Awaited<ReturnType<typeof sharedDatabase>>;

class World {
  readonly #scheduler: Scheduler;
  readonly #database: Database;
  readonly #platform: SimPlatform;
  readonly #deployment: Deployment;
  readonly #callers: Callers;
  readonly #batches: BatchCallers | undefined;
  readonly #faults: Faults;
  readonly #turns: Turns;
  readonly #limits = new Map<string, number>();
  /** Heard, and kept long enough that a death does not undo it. */
  readonly #kept = new Set<string>();
  readonly #hasJournals: boolean;
  readonly #isInCall: boolean;
  readonly #kind: WorldKind;
  readonly #isDear: boolean;
  /** Of the platform or of a tenant, where an operator bounds it. */
  #bound: { subject: string | undefined; atOnce: number } | undefined;

  constructor(scheduler: Scheduler, { database, kind }: { database: Database; kind: WorldKind }) {
    const { random } = scheduler;
    const manner = { ...drawManner(random), ...kinds[kind].manner };
    const isDear = kind === 'batch' && random.chance(0.5);
    this.#isDear = isDear;
    this.#kind = kind;
    this.#scheduler = scheduler;
    this.#database = database;
    const mayHaveJournals = random.chance(0.7) && kind !== 'remembered' && kind !== 'noted';
    this.#hasJournals = mayHaveJournals || kind === 'kept';
    this.#isInCall = manner.isInCall;
    this.#platform = new SimPlatform({
      ...{ scheduler, manner: { ...manner, isDear }, bounds: { submitKnownMs, staleAnswers: 2 } },
      report: (job, body) => this.#report(job, body),
      onHeard: ({ by, jobId }) => this.#heard(by, jobId),
      onSubmit: (runId) => void this.#noteSubmit(runId),
    });
    const parts = {
      scheduler,
      database,
      platform: this.#platform,
      hasJournals: this.#hasJournals,
      hasReports: manner.reports,
      hasEqual: kind === 'equal',
      // It costs what the worlds are not about that have neither bounds nor batches.
      ...((kind === 'limited' || kind === 'batch') && { onWrite: () => this.#turns.look() }),
    };
    this.#deployment = new Deployment(parts);
    this.#callers = new Callers(this.#deployment);
    this.#turns = new Turns({ database, scheduler, violate: (what) => this.#callers.violate(what) });
    if (kind === 'batch') this.#batches = new BatchCallers(this.#callers, { database, scheduler });
    this.#faults = new Faults(this.#deployment);
  }

  async live(seed: number): Promise<WorldReport> {
    const { random } = this.#scheduler;
    // A batch is held as a whole before its first run begins.
    const least = this.#kind === 'batch' ? 25 : 4;
    // What a platform charges beyond its quotes is beyond a budget too.
    if (random.chance(0.6) && !this.#isDear)
      await this.#setBudget('ada', random.between(least, least + 10) * 100_000);
    const machines = random.pick(kinds[this.#kind].machines);
    for (let index = 0; index < machines; index++) this.#deployment.start(this.#deployment.addMachine());
    const isLimited = this.#kind === 'limited';
    if (isLimited) await this.#limitWhatIsUnderWay();
    const calls = random.between(1, 4) + (isLimited ? 3 : 0);
    for (let index = 0; index < calls; index++)
      this.#callers.schedule(random.between(20, loadMs), random.chance(0.7) ? 'ada' : 'ben');
    this.#batches?.schedule(random.between(20, 1_500));
    this.#drawFaults();
    this.#scheduler.onEntry = (entry) => this.#faults.watch(entry);
    await this.#pass(loadMs + 2_000);
    await this.#pass(Math.min(20_000, this.#faults.endsAt - this.#scheduler.now));
    this.#scheduler.tell('--- everything is whole again');
    this.#faults.end();
    await this.#comeToRest(3);
    await this.#askForAll();
    // Whoever was cut off until now may have taken a run back meanwhile.
    await this.#comeToRest(1);
    return this.#conclude(seed);
  }

  #drawFaults(): void {
    const isUsual = ['usual', 'batch', 'equal', 'limited'].includes(this.#kind);
    if (this.#kind === 'stalled') this.#faults.stallBeforeLeaving();
    if (this.#kind === 'kept') this.#faults.killAfterAnswer();
    if (this.#kind === 'remembered') this.#faults.takeStoresAwayAtAnswer();
    if (this.#kind === 'noted') this.#faults.killAfterNote();
    if (this.#kind === 'stopped') this.#faults.stopAtSubmit();
    this.#faults.draw(this.#scheduler.random.between(isUsual ? 1 : 0, isUsual ? 4 : 2), loadMs + 2_000);
  }

  async #conclude(seed: number): Promise<WorldReport> {
    const violations = await findViolations({
      ...{ deployment: this.#deployment, platform: this.#platform, database: this.#database },
      ...{
        ...{ limits: this.#limits, askedAt: this.#callers.askedAt },
        isKept: (by, jobId) => by.state !== 'dead' || this.#kept.has(jobId),
        isInCall: this.#isInCall,
      },
    });
    for (const violation of violations) this.#scheduler.tell(`!!! ${violation}`);
    return {
      ...{ seed, violations: [...this.#callers.violations, ...this.#platform.violations, ...violations] },
      counts: { [`world ${this.#kind}`]: 1, ...this.#scheduler.counts },
      ...{ hash: this.#scheduler.hash.toString(16), steps: this.#scheduler.steps },
      ...{ simulatedMs: Math.round(this.#scheduler.now), runs: this.#callers.owners.size },
      ...{ taken: this.#platform.jobs.size, answered: this.#callers.answered, faults: this.#faults.told },
    };
  }

  /** What an operator allows: so many at the platform at once, or of one tenant, or so many sent there in a while. */
  async #limitWhatIsUnderWay(): Promise<void> {
    const { random } = this.#scheduler;
    this.#callers.hasPriorities = true;
    const atOnce = random.between(1, 2);
    const kind = random.pick(['platform', 'tenant', 'rate'] as const);
    if (kind === 'rate') {
      const rate = { count: atOnce, windowMs: 8_000 };
      this.#turns.rate = rate;
      return setRunLimit(this.#database, { scope: 'provider', value: 'sim', rate });
    }
    const subject = kind === 'tenant' ? 'ada' : undefined;
    this.#bound = { subject, atOnce };
    const whose = subject === undefined ? 'provider' : 'subject';
    await setRunLimit(this.#database, { scope: whose, value: subject ?? 'sim', atOnce });
  }

  async #noteSubmit(runId: string): Promise<void> {
    await this.#batches?.noteSubmit(runId);
    if (this.#bound === undefined) return;
    const { subject, atOnce } = this.#bound;
    const { rows } = await sql<{ run_id: string; subject: string }>`select run_id, subject from runs
      where phase in ('submitting', 'running') and not ${hasEndedBefore}`.execute(this.#database.queries);
    // What was announced by a process that stood still does not leave any more.
    const underWay = rows.filter(
      ({ run_id: id, subject: whose }) => this.#platform.sent.has(id) && whose === (subject ?? whose),
    ).length;
    if (underWay > atOnce)
      this.#callers.violate(`${underWay} runs were under way at once where ${atOnce} may be`);
  }

  async #setBudget(subject: string, limitMicros: number): Promise<void> {
    const budget = { subject, period: 'total', currency: 'USD', limitMicros } as const;
    await this.#database.transaction((queries) => setBudget(queries, budget));
    this.#limits.set(subject, limitMicros);
  }

  async #pass(ms: number): Promise<void> {
    const until = this.#scheduler.now + Math.max(0, ms);
    this.#scheduler.add({ at: until, what: 'time passes', run: () => undefined });
    await this.#scheduler.run(() => this.#scheduler.now >= until, until + 1);
  }

  /** Every run has ended, everybody has an answer, and for a while nothing has changed that. */
  async #comeToRest(rounds: number): Promise<void> {
    const until = this.#scheduler.now + restMs;
    for (let quiet = 0; quiet < rounds && this.#scheduler.now < until; ) {
      await this.#pass(1_700);
      const open = await this.#database.queries
        .selectFrom('runs')
        .select('run_id')
        .where(sql<boolean>`phase <> 'done'`)
        .executeTakeFirst();
      quiet = open === undefined && this.#callers.open === 0 ? quiet + 1 : 0;
    }
  }

  async #askForAll(): Promise<void> {
    let isDone = false;
    const asking = this.#scheduler.within(this.#deployment.gateway, () => this.#callers.askForAll());
    void asking.finally(() => {
      isDone = true;
    });
    await this.#scheduler.run(() => isDone, this.#scheduler.now + 120_000);
    if (!isDone) this.#callers.violations.push('somebody was not answered at all');
  }

  /** A report reaches one of those who serve our address; answered well, it is known here. */
  #report(job: SimJob, body: string): void {
    const told = () => {
      const by = this.#deployment.gateway;
      this.#platform.heard.push({ runId: job.runId, jobId: job.id, by, at: this.#scheduler.now });
      this.#kept.add(job.id);
    };
    this.#deliver(job.webhookUrl?.split('/').at(-1) ?? '', body, told);
    if (this.#scheduler.random.chance(0.2)) this.#forge(job);
  }

  /** A stranger who knows the id of a run, and the form of our addresses, reports a job of their own. */
  #forge({ webhookUrl }: SimJob): void {
    const [, provider = '', expiry = ''] = webhookUrl?.split('/').at(-1)?.split('.') ?? [];
    const [runId] = [...this.#callers.owners.keys()].slice(-1);
    if (runId === undefined) return;
    const body = JSON.stringify({ id: this.#platform.orderElsewhere(), isEnd: true });
    this.#deliver(`${runId}.${provider}.${expiry}.${'A'.repeat(43)}`, body, () =>
      this.#callers.violations.push(`a forged report of ${runId} was taken`),
    );
  }

  #deliver(token: string, body: string, onTaken: () => void): void {
    const { process, receive } = this.#scheduler.random.pick(this.#deployment.machines);
    if (process.state !== 'up' || receive === undefined) return;
    this.#scheduler.add({
      ...{ at: this.#scheduler.now + 1, process, what: 'hears a report' },
      run: () => void receive(token, body).then(onTaken, () => undefined),
    });
  }

  /** Written down in a while, where nothing keeps it from being. */
  #heard(by: SimProcess, jobId: string): void {
    const scheduler = this.#scheduler;
    const machine = this.#deployment.machines.find(({ process }) => process === by);
    // What came in the call is in memory alone until the row has it.
    if (machine === undefined || this.#isInCall) return;
    const { disk, links } = machine;
    const hasRoom = !disk.isFull;
    const wasWhole = links.notes.cut === undefined && links.notes.slowMs === 0;
    const heardAt = scheduler.now;
    scheduler.add({
      ...{ at: heardAt + keptAfterMs, process: by, what: `has kept ${jobId}` },
      run: () => {
        const wasStill = scheduler.now > heardAt + keptAfterMs;
        const isWritten = this.#hasJournals && hasRoom && !disk.isFull;
        const { cut, cutAt, slowMs } = links.notes;
        const isThere = wasWhole && cut === undefined && cutAt < heardAt && slowMs === 0;
        const isNoted = isThere && !this.#deployment.servers.notes.isDown;
        if (!wasStill && (isWritten || isNoted)) this.#kept.add(jobId);
      },
    });
  }
}
