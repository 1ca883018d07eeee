import { setTimeout as sleep } from 'node:timers/promises';
import { AppError, Secret } from '@inferry/contracts';
import { type Emulator, type Emulators, startEmulators } from '@inferry/testing/emulators';
import type { Bases } from '../http/index.ts';
import type { JobHandle, JobView, Provider, ProviderContext, SubmitRequest } from '../provider.ts';
import type { ContractSubject, Sample } from './subject.ts';

/** An adapter over its emulator, for one test after the other. */
export class World {
  readonly subject: ContractSubject;
  readonly provider: Provider;
  readonly emulator: Emulator;
  readonly #emulators: Emulators;
  #runs = 0;

  private constructor(subject: ContractSubject, emulators: Emulators, provider: Provider) {
    this.subject = subject;
    this.#emulators = emulators;
    this.emulator = emulators.of(subject.emulator.slug);
    this.provider = provider;
  }

  static async open(subject: ContractSubject): Promise<World> {
    const emulators = await startEmulators({ definitions: [subject.emulator] });
    const emulator = emulators.of(subject.emulator.slug);
    const { definition } = subject;
    const names = Object.keys(definition.bases);
    // as: every definition has `api` among its bases.
    const bases = Object.fromEntries(names.map((name) => [name, emulator.base(name)])) as Bases;
    const provider = await definition.create({
      slug: definition.slug,
      title: definition.title,
      capabilities: definition.capabilities,
      bases,
      allowPrivateHosts: false,
      settings: subject.settings ?? {},
      now: () => emulator.now(),
      random: () => 0.5,
    });
    return new World(subject, emulators, provider);
  }

  async close(): Promise<void> {
    await this.provider.close();
    await this.#emulators.close();
  }

  context(
    key: string = this.emulator.keys.valid,
    signal: AbortSignal = AbortSignal.timeout(30_000),
  ): ProviderContext {
    return { credential: new Secret(key), signal };
  }

  nextRunId(): string {
    this.#runs += 1;
    return `run_${String(this.#runs).padStart(22, '0')}`;
  }

  request(sample: Sample, runId: string = this.nextRunId()): SubmitRequest {
    const { nativeId, input, files = {}, options = {}, tags } = sample;
    return { nativeId, input, files, runId, options, ...(tags && { tags }) };
  }

  submit(sample: Sample = this.subject.samples.happy, context: ProviderContext = this.context()) {
    return this.provider.submit(this.request(sample), context);
  }

  /** The error of a submit; fails when it was taken. */
  async refusedSubmit(context?: ProviderContext, sample?: Sample): Promise<AppError> {
    return refusalOf(() => this.submit(sample, context));
  }

  /** Polls until a terminal view, which is the last. */
  async follow(handle: JobHandle, before: JobView[] = []): Promise<JobView[]> {
    const views = [...before];
    for (let polls = 0; polls < 400; polls++) {
      const last = views.at(-1);
      if (last !== undefined && last.status !== 'queued' && last.status !== 'running') return views;
      views.push(await this.provider.poll(handle, this.context()));
      // A job in this process ends when its call does.
      await sleep(5);
    }
    throw new Error(`the job did not end: ${JSON.stringify(views.at(-1))}`);
  }

  async run(sample: Sample = this.subject.samples.happy): Promise<JobView[]> {
    const { handle, view } = await this.submit(sample);
    // Handles are stored and come back from JSON.
    return this.follow(JSON.parse(JSON.stringify(handle)), [view]);
  }

  submissions(): number {
    return this.emulator.requests.filter(({ kind }) => kind === 'submit').length;
  }
}

/** The `AppError` that a call fails with; anything else fails the test. */
export async function refusalOf(call: () => Promise<unknown>): Promise<AppError> {
  try {
    const value = await call();
    throw new Error(`was not refused: ${JSON.stringify(value)?.slice(0, 300)}`);
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
}
