// The platform of a simulated deployment: it takes jobs late, loses its replies, shows a job long after it took it, reports
// twice and out of order, and remembers what it really took and charged.
import { AppError } from '@inferry/contracts';
import {
  HeldCalls,
  type JobView,
  type Provider,
  type ProviderContext,
  type Recovery,
  type SubmitRequest,
} from '@inferry/providers';
import { type Answer, answerOf, failureOf, lost, refusalOf, type Temper } from './answers.ts';
import type { Link } from './network.ts';
import type { Scheduler, SimProcess } from './scheduler.ts';

/** What the world promises of its platforms, and what the product's bound is made of. */
export interface PlatformBounds {
  /** From the moment at which a submit leaves to that at which its job is taken and listed. */
  submitKnownMs: number;
  /** So many answers in a row may come from a part of the platform that lags. */
  staleAnswers: number;
}

/** How the platform of one world is. */
export interface PlatformManner {
  /** It can be asked by our id of the run. */
  canRecover: boolean;
  /** It says when a submit leaves; else a submit counts as sent when it begins. */
  announces: boolean;
  /** It reports to our address. */
  reports: boolean;
  cancels: boolean;
  /** It answers in the call itself, when its job has ended: whoever holds the call alone can have it. */
  isInCall: boolean;
  /** It often says that it takes nothing, or often takes its time. */
  temper?: Temper;
  /** It charges more than was quoted. */
  isDear?: boolean;
}

const connectMs = 3_000;
/** How long a call may be silent. */
const deadMs = 20_000;

export interface SimJob {
  id: string;
  runId: string;
  /** Under which of its names it was ordered. */
  provider: string;
  takenAt: number;
  /** From when on it is listed and found. */
  shownAt: number;
  endsAt: number;
  end: 'succeeded' | 'failed';
  cost: number;
  cancelledAt: number | undefined;
  webhookUrl: string | undefined;
}

/** A process heard of a job: by the reply of its submit, or by a report that it answered well. */
export interface Hearing {
  runId: string;
  jobId: string;
  by: SimProcess;
  at: number;
}

interface Accepted {
  handle: { id: string };
  view: JobView;
}

interface Submit {
  request: SubmitRequest;
  provider: string;
  answer: Answer;
  /** When its first byte left. */
  leftAt: number;
  reply(what: string, run: () => void): void;
  accept(job: SimJob): void;
  reject(error: Error): void;
}

interface PlatformOptions {
  scheduler: Scheduler;
  manner: PlatformManner;
  bounds: PlatformBounds;
  /** Brings a report to whoever serves our address just now. */
  report(job: SimJob, body: string): void;
  /** Told when the answer of a submit has reached whoever sent it. */
  onHeard(hearing: Hearing): void;
  /** Told when a submit of a run leaves. */
  onSubmit(runId: string): void;
}

export class SimPlatform {
  readonly jobs = new Map<string, SimJob>();
  readonly heard: Hearing[] = [];
  /** Runs of which a submit has left, and when the last did. */
  readonly sent = new Map<string, number>();
  /** Submits that it has read. */
  submissions = 0;
  /** What was done that no platform may see. */
  readonly violations: string[] = [];
  readonly #options: PlatformOptions;
  /** Submits that wait for their answer, and who sent them. */
  readonly #out = new Set<{ runId: string; by: SimProcess }>();
  /** What was said of a run last, and under which name. */
  readonly #said = new Map<string, { provider: string; answer: Answer }>();
  readonly #stale = new Map<string, number>();

  constructor(options: PlatformOptions) {
    this.#options = options;
  }

  jobsOf(runId: string): SimJob[] {
    return [...this.jobs.values()].filter((job) => job.runId === runId);
  }

  /** A job of somebody who has an account there as well. */
  orderElsewhere(): string {
    const id = `elsewhere-${this.jobs.size + 1}`;
    const { now } = this.#options.scheduler;
    const job: SimJob = {
      ...{
        id,
        runId: 'none',
        provider: 'sim',
        takenAt: now,
        shownAt: now,
        endsAt: now + 500,
        end: 'succeeded',
        cost: 0.01,
      },
      ...{ cancelledAt: undefined, webhookUrl: undefined },
    };
    this.jobs.set(id, job);
    return id;
  }

  /** What a job shows now. */
  viewOf(job: SimJob): JobView {
    const { now } = this.#options.scheduler;
    if (job.cancelledAt !== undefined) return { status: 'cancelled', upstreamStatus: 'CANCELLED' };
    if (now < job.endsAt) return { status: 'running', upstreamStatus: 'RUNNING' };
    const charged = { amount: job.cost, currency: 'USD' };
    if (job.end === 'failed') {
      const error = { code: 'generate_failed', message: 'It was told to fail.' } as const;
      return { status: 'failed', upstreamStatus: 'FAILED', charged, error };
    }
    const text = `made by ${job.id}`;
    const outputs = [{ kind: 'text', contentType: 'text/plain', text } as const];
    return { status: 'succeeded', upstreamStatus: 'SUCCEEDED', charged, outputs };
  }

  /** A process that was told to stop ends: the answers of its calls reach nobody any more. */
  noteEnd(process: SimProcess): void {
    if (process.state !== 'up') return;
    for (const { runId, by } of this.#out)
      if (by === process) this.violations.push(`${process.name} ended before the answer for ${runId}`);
  }

  /** The adapter of one process, for one of the names under which it sells the same. */
  adapter(process: SimProcess, link: Link, slug = 'sim'): Provider {
    const { canRecover, announces, reports, cancels, isInCall } = this.#options.manner;
    if (isInCall) return this.#holdingAdapter(process, link);
    return {
      slug,
      title: 'Simulated platform',
      announcesSubmit: announces,
      capabilities: {
        ...{ cancel: cancels ? 'real' : 'none', progress: 'none', jobs: 'remote', watch: false },
        ...{ recover: canRecover, inputUrls: 'public' },
      },
      ready: () => ({ isReady: true }),
      listModels: async () => 'unchanged',
      quote: () => ({ currency: 'USD', exact: false, unpriced_inputs: [], basis: 'unknown' }),
      submit: (request, context) => this.#submit(process, link, { provider: slug, request, context }),
      poll: ({ id }, { signal }) =>
        this.#ask(process, link, { signal, what: 'poll', work: () => this.#poll(slug, String(id)) }),
      cancel: ({ id }, { signal }) =>
        this.#ask(process, link, { signal, what: 'cancel', work: () => this.#cancel(String(id)) }),
      recover: ({ runId }, { signal }) =>
        this.#ask(process, link, { signal, what: 'recover', work: () => this.#recover(slug, runId) }),
      ...(reports && { readWebhook: async ({ rawBody }) => this.#readReport(rawBody) }),
      close: async () => undefined,
    };
  }

  /** As the adapters of platforms that answer in the call, with what holds their calls. */
  #holdingAdapter(process: SimProcess, link: Link): Provider {
    const calls = new HeldCalls({ title: 'Simulated platform', graceMs: 700 });
    return {
      ...{ slug: 'sim', title: 'Simulated platform', announcesSubmit: true },
      capabilities: {
        ...{ cancel: 'real', progress: 'none', jobs: 'remote', watch: true },
        ...{ recover: false, inputUrls: 'public' },
      },
      jobsOf: () => 'process',
      ready: () => ({ isReady: true }),
      listModels: async () => 'unchanged',
      quote: () => ({ currency: 'USD', exact: false, unpriced_inputs: [], basis: 'unknown' }),
      submit: (request, context) =>
        calls.start(
          request.runId,
          async (own) =>
            (await this.#submit(process, link, { provider: 'sim', request, context: { ...context, ...own } }))
              .view,
          context,
        ),
      poll: async (handle) => calls.poll(handle),
      watch: (handle, context) => calls.watch(handle, context),
      cancel: async (handle) => calls.cancel(handle),
      recover: async ({ runId }) => calls.recover(runId),
      forget: (handle) => calls.forget(handle),
      close: async () => calls.close(),
    };
  }

  async #submit(
    process: SimProcess,
    link: Link,
    { provider, request, context }: { provider: string; request: SubmitRequest; context: ProviderContext },
  ): ReturnType<Provider['submit']> {
    const { scheduler, manner } = this.#options;
    const { random } = scheduler;
    const { guard, signal } = context;
    if (manner.announces) {
      // What is read and uploaded first; then the paid call, whose connection takes its time.
      if (random.chance(0.3)) await scheduler.pass(process, random.between(1, 2_000), 'uploads');
      signal.throwIfAborted();
      await guard?.announce();
      await this.#connect(process, link, signal);
      if (guard?.mayLeave() === false) {
        scheduler.count('submit kept back');
        throw new AppError('upstream_unavailable', 'It may not leave.');
      }
    }
    return await this.#send(process, link, { provider, request, signal });
  }

  /** Bytes of it leave only when the connection stands. */
  #connect(process: SimProcess, link: Link, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const giveUp = () => reject(new AppError('upstream_unavailable', 'No connection.'));
      signal.addEventListener('abort', giveUp, { once: true });
      void this.#options.scheduler.pass(process, connectMs, 'waited for a connection').then(giveUp);
      link.carry({
        process: undefined,
        what: `${process.name} connects`,
        run: () => link.carry({ process, what: 'is connected', run: resolve }),
      });
    });
  }

  /** From here on the platform may have it, whatever becomes of whoever sent it. */
  #send(
    process: SimProcess,
    link: Link,
    { provider, request, signal }: { provider: string; request: SubmitRequest; signal: AbortSignal },
  ): Promise<Accepted> {
    const { scheduler, manner } = this.#options;
    const answer = answerOf(scheduler.random, manner.temper);
    const leftAt = scheduler.now;
    const out = { runId: request.runId, by: process };
    this.#noteSubmit(out, { provider, answer });
    scheduler.tell(`${process.name} submits ${request.runId}, to be answered ${answer}`);
    const { promise, resolve, reject } = Promise.withResolvers<Accepted>();
    signal.addEventListener('abort', () => reject(lost()), { once: true });
    const reply = (what: string, run: () => void) => link.carry({ process, what: `submit: ${what}`, run });
    const submit = { provider, request, answer, leftAt, reply, reject };
    const accept = (job: SimJob) => {
      // Whoever has given it up has closed the connection.
      if (signal.aborted || isDead) return;
      const hearing = { runId: request.runId, jobId: job.id, by: process, at: scheduler.now };
      this.heard.push(hearing);
      this.#options.onHeard(hearing);
      resolve({ handle: { id: job.id }, view: this.viewOf(job) });
    };
    const read = () => this.#read({ ...submit, accept });
    // A connection on which nothing comes is found dead in the end.
    let isDead = false;
    const onDead = () => {
      isDead = true;
      reject(lost());
    };
    if (manner.isInCall) void scheduler.pass(process, deadMs, 'finds its call dead').then(onDead);
    link.carry({ process: undefined, what: `a submit of ${request.runId} is read`, run: read });
    return promise.finally(() => this.#out.delete(out));
  }

  #noteSubmit(out: { runId: string; by: SimProcess }, said: { provider: string; answer: Answer }): void {
    const { runId } = out;
    const { scheduler, manner, onSubmit } = this.#options;
    const before = this.#said.get(runId);
    if (before?.answer === 'refused' && before.provider !== said.provider)
      this.violations.push(`${runId} was refused as it is, and sent to ${said.provider}`);
    if (before !== undefined && before.provider !== said.provider) scheduler.count('fail-over');
    this.#said.set(runId, said);
    this.sent.set(runId, scheduler.now);
    // One long call is what an orderly stop does not wait for.
    if (!manner.isInCall) this.#out.add(out);
    scheduler.count(`answer ${said.answer}`);
    onSubmit(runId);
  }

  #read({ provider, request, answer, leftAt, reply, reject, accept }: Submit): void {
    const { scheduler, bounds, manner } = this.#options;
    const { random } = scheduler;
    this.submissions += 1;
    // Later than that no platform takes it: whoever sent it may send it again then.
    const roomMs = leftAt + bounds.submitKnownMs - scheduler.now;
    const refusal = refusalOf(answer);
    if (refusal !== undefined) return reply(answer, () => reject(refusal));
    if (answer === 'lost_before' || roomMs < 0) return reply('reset', () => reject(lost()));
    const wishMs = answer === 'slowly' ? random.between(1_000, bounds.submitKnownMs) : random.between(5, 900);
    scheduler.add({
      ...{ at: scheduler.now + Math.min(wishMs, roomMs), what: `the platform takes ${request.runId}` },
      run: () => {
        const job = this.#take(provider, request, leftAt);
        if (answer === 'silent') return;
        const isWell = answer === 'well' || answer === 'slowly';
        const run = () =>
          isWell ? reply(job.id, () => accept(job)) : reply(answer, () => reject(failureOf(answer)));
        const at = manner.isInCall ? job.endsAt : scheduler.now;
        scheduler.add({ at, what: `the platform answers for ${job.id}`, run });
      },
    });
  }

  #take(provider: string, { runId, webhookUrl }: SubmitRequest, leftAt: number): SimJob {
    const { scheduler, manner, bounds } = this.#options;
    const { random, now } = scheduler;
    const lastAt = leftAt + bounds.submitKnownMs;
    const lagMs = random.chance(0.3) ? random.between(100, 4_000) : 0;
    const job: SimJob = {
      ...{ id: `job-${this.jobs.size + 1}`, runId, provider, takenAt: now, cancelledAt: undefined },
      shownAt: Math.min(now + lagMs, Math.max(now, lastAt)),
      endsAt: now + random.between(50, 5_000),
      end: random.chance(0.85) ? 'succeeded' : 'failed',
      cost: random.between(1, manner.isDear === true ? 120 : 50) / 100,
      webhookUrl: manner.reports ? webhookUrl : undefined,
    };
    this.jobs.set(job.id, job);
    if (job.webhookUrl !== undefined) this.#reportLater(job);
    return job;
  }

  /** Never, once or several times, of its beginning and its end, in any order. */
  #reportLater(job: SimJob): void {
    const { scheduler, report } = this.#options;
    const { random } = scheduler;
    const moments = [job.takenAt, job.endsAt, job.endsAt].filter(() => random.chance(0.7));
    scheduler.count(`reported ${moments.length} times`);
    for (const moment of moments) {
      const at = Math.max(scheduler.now, moment) + random.between(0, random.chance(0.3) ? 5_000 : 300);
      const isEnd = moment === job.endsAt;
      scheduler.add({
        at,
        what: `reports ${job.id}`,
        run: () => report(job, JSON.stringify({ id: job.id, isEnd })),
      });
    }
  }

  #readReport(rawBody: Uint8Array): Awaited<ReturnType<NonNullable<Provider['readWebhook']>>> {
    // as: what the platform of this world writes, or somebody who writes like it.
    const { id, isEnd } = JSON.parse(Buffer.from(rawBody).toString()) as { id: string; isEnd: boolean };
    const job = this.jobs.get(id);
    if (job === undefined) return { outcome: 'rejected', reason: 'no such job' };
    const view: JobView = isEnd ? this.viewOf(job) : { status: 'running', upstreamStatus: 'RUNNING' };
    return { outcome: 'job', handle: { id }, view };
  }

  /** A question that costs nothing: its way there or its answer may be lost, or late. */
  #ask<T>(
    process: SimProcess,
    link: Link,
    { signal, what, work }: { signal: AbortSignal; what: string; work(): T },
  ): Promise<T> {
    const { random } = this.#options.scheduler;
    return new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => reject(new Error('given up')), { once: true });
      const back = (settle: () => void) => link.carry({ process, what: `${what} answered`, run: settle });
      link.carry({
        process: undefined,
        what: `${process.name} asks: ${what}`,
        run: () => {
          const luck = random.next();
          if (luck < 0.03) return;
          if (luck < 0.08) return back(() => reject(new AppError('upstream_unavailable', 'Not now.')));
          const answer = work();
          back(() => resolve(answer));
        },
      });
    });
  }

  #poll(provider: string, id: string): JobView {
    const { random, now } = this.#options.scheduler;
    const job = this.jobs.get(id);
    if (job?.provider !== provider) return { status: 'expired', upstreamStatus: 'NOT_FOUND' };
    if (now < job.shownAt) return { status: 'not_found', upstreamStatus: 'NOT_FOUND' };
    // A part of the platform that does not know of its end yet.
    if (now >= job.endsAt && random.chance(0.1)) return { status: 'running', upstreamStatus: 'RUNNING' };
    return this.viewOf(job);
  }

  #cancel(id: string): 'confirmed' | 'too_late' | 'unsupported' {
    const { scheduler, manner } = this.#options;
    const job = this.jobs.get(id);
    if (!manner.cancels) return 'unsupported';
    if (job === undefined || scheduler.now >= job.endsAt) return 'too_late';
    job.cancelledAt ??= scheduler.now;
    return 'confirmed';
  }

  #recover(provider: string, runId: string): Recovery {
    const { scheduler, manner, bounds } = this.#options;
    if (!manner.canRecover) return { outcome: 'unknown' };
    const taken = this.jobsOf(runId).filter((job) => job.provider === provider);
    const job = taken.find(({ shownAt }) => scheduler.now >= shownAt);
    if (job === undefined) {
      if (taken.length > 0) scheduler.count('not listed yet');
      return { outcome: 'absent' };
    }
    const stale = this.#stale.get(runId) ?? 0;
    if (stale < bounds.staleAnswers && scheduler.random.chance(0.35)) {
      this.#stale.set(runId, stale + 1);
      scheduler.count('stale list');
      return { outcome: 'absent' };
    }
    this.#stale.set(runId, bounds.staleAnswers);
    return { outcome: 'found', handle: { id: job.id } };
  }
}
