import { randomUUID } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { AppError, isDataUri, type JsonObject, type Quote, validationFailed } from '@inferry/contracts';
import { z } from 'zod';
import type { JobHandle, JobView, Provider, ProviderContext, Recovery, SubmitRequest } from '../provider.ts';
import { catalogEtag, offeredModels } from './catalog.ts';
import type { Job, JobSpec } from './job.ts';
import { JobRunner } from './job-runner.ts';
import { currency, type LocalModel } from './local-model.ts';
import { readInputFile } from './read-input-file.ts';
import { localSkills } from './skills.ts';
import { watchJob } from './watch-job.ts';
import { type WorkerFamily, workerFile } from './worker-files.ts';
import type { Fault } from './worker-pool.ts';

export interface LocalProviderOptions {
  /** Jobs that compute at the same time (default: cores - 1, at least 1). */
  maxWorkers?: number;
  /** Of them, on one model (default 2). */
  maxPerModel?: number;
  /** Jobs that wait for their turn; one more is refused as `busy` (default 32). */
  maxQueued?: number;
  /** Unused worker threads that stay warm (default 3). */
  maxIdle?: number;
  /** How long they do (default 60 s). */
  idleMs?: number;
  /** The longest that a job may compute (default 10 minutes). */
  deadlineMs?: number;
  /** How long a finished job can be read (default 10 minutes). */
  keepMs?: number;
  /** How many finished jobs are kept at most (default 256). */
  maxJobs?: number;
  /** How many bytes of their outputs (default 256 MiB). */
  maxBytes?: number;
  /** The largest input file (default 64 MiB). */
  maxFileBytes?: number;
  /** How long reading an input file may take (default 30 s). */
  fetchTimeoutMs?: number;
  /** The shortest time between two views of a watched job (default 200 ms). */
  watchIntervalMs?: number;
  /** Whether an optional package is installed (default: looks). */
  hasPackage?: (name: string) => boolean;
  /** Told of crashes and of failures in our own code; log them. */
  onFault?: (fault: Fault) => void;
}

const minute = 60_000;
const mebibyte = 1 << 20;

/** Models that run on this machine's CPU, in worker threads, with no key and no network. */
export function createLocalProvider(options: LocalProviderOptions = {}): Provider {
  return new LocalProvider(options);
}

class LocalProvider implements Provider {
  readonly slug = 'local';
  readonly title = 'Local models';
  readonly capabilities = {
    cancel: 'real',
    progress: 'percent',
    jobs: 'process',
    watch: true,
    recover: true,
    inputUrls: 'internal',
  } as const;
  readonly skills = localSkills;
  readonly runOptions = z.strictObject({});

  /** Tells this process' jobs from those of another one, or of this one before a restart. */
  readonly #owner = randomUUID();
  readonly #models: ReadonlyMap<string, LocalModel>;
  readonly #runner: JobRunner<WorkerFamily>;
  readonly #readLimits: { maxBytes: number; timeoutMs: number };
  readonly #watchIntervalMs: number;
  #etag: string | undefined;

  constructor(options: LocalProviderOptions) {
    this.#models = offeredModels(options.hasPackage);
    this.#readLimits = {
      maxBytes: options.maxFileBytes ?? 64 * mebibyte,
      timeoutMs: options.fetchTimeoutMs ?? 30_000,
    };
    this.#watchIntervalMs = options.watchIntervalMs ?? 200;
    this.#runner = new JobRunner<WorkerFamily>({
      workerFile,
      maxWorkers: options.maxWorkers ?? Math.max(1, availableParallelism() - 1),
      maxPerModel: options.maxPerModel ?? 2,
      maxQueued: options.maxQueued ?? 32,
      maxIdle: options.maxIdle ?? 3,
      idleMs: options.idleMs ?? minute,
      deadlineMs: options.deadlineMs ?? 10 * minute,
      keepMs: options.keepMs ?? 10 * minute,
      maxJobs: options.maxJobs ?? 256,
      maxBytes: options.maxBytes ?? 256 * mebibyte,
      onFault: options.onFault ?? (() => undefined),
    });
  }

  ready(): { isReady: boolean } {
    return { isReady: true };
  }

  async listModels(_context: ProviderContext, etag?: string): ReturnType<Provider['listModels']> {
    this.#etag ??= catalogEtag(this.#models);
    if (etag === this.#etag) return 'unchanged';
    return { etag: this.#etag, models: [...this.#models.values()].map(({ entry }) => entry) };
  }

  quote(): Quote {
    return { currency, min: 0, max: 0, exact: true, unpriced_inputs: [], basis: 'per_request' };
  }

  async submit(request: SubmitRequest): Promise<{ handle: JobHandle; view: JobView }> {
    const job = this.#runner.submit(this.#toSpec(request));
    return { handle: this.#handle(job), view: this.#runner.view(job) };
  }

  async poll(handle: JobHandle): Promise<JobView> {
    const job = this.#find(handle);
    return job === undefined ? this.#lost(handle) : this.#runner.view(job);
  }

  async *watch(handle: JobHandle, { signal }: ProviderContext): AsyncIterable<JobView> {
    const job = this.#find(handle);
    if (job === undefined) {
      yield this.#lost(handle);
      return;
    }
    const view = () => this.#runner.view(job);
    yield* watchJob(job, view, { intervalMs: this.#watchIntervalMs, signal });
  }

  async cancel(handle: JobHandle): Promise<'confirmed' | 'too_late'> {
    const job = this.#find(handle);
    return job !== undefined && this.#runner.cancel(job) ? 'confirmed' : 'too_late';
  }

  async recover({ runId }: { runId: string }): Promise<Recovery> {
    const job = this.#runner.find({ runId });
    return job === undefined ? { outcome: 'absent' } : { outcome: 'found', handle: this.#handle(job) };
  }

  async close(): Promise<void> {
    await this.#runner.close();
  }

  #toSpec({ nativeId, input, files, runId, tenant }: SubmitRequest): JobSpec {
    const model = this.#models.get(nativeId);
    if (model === undefined) throw new AppError('model_not_found', `There is no model local/${nativeId}.`);
    const parsed = parseInput(model, input);
    const urls = model.fileFields.map((field): [string, string] => [field, fileUrl(field, parsed, files)]);
    const loadFiles: JobSpec['loadFiles'] = async (signal) => {
      const limits = { ...this.#readLimits, signal };
      const entries = urls.map(async ([field, url]) => [field, await readInputFile(field, url, limits)]);
      return Object.fromEntries(await Promise.all(entries));
    };
    const rest = Object.entries(parsed).filter(([name]) => !model.fileFields.includes(name));
    return { runId, tenant, nativeId, family: model.family, input: Object.fromEntries(rest), loadFiles };
  }

  #handle(job: Job): JobHandle {
    return { job_id: job.id, owner: this.#owner };
  }

  #find({ job_id, owner }: JobHandle): Job | undefined {
    if (owner !== this.#owner || typeof job_id !== 'string') return undefined;
    return this.#runner.find({ jobId: job_id });
  }

  /** What is true of a job that is not here any more. */
  #lost({ owner }: JobHandle): JobView {
    if (owner === this.#owner) return { status: 'expired', upstreamStatus: 'expired' };
    const message =
      'The process that ran this job has stopped, and the job with it. Run it again; it is free.';
    return { status: 'failed', upstreamStatus: 'lost', error: { code: 'upstream_failed', message } };
  }
}

function parseInput(model: LocalModel, input: JsonObject): JsonObject {
  const parsed = model.input.safeParse(input);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues
    .slice(0, 16)
    .map(({ path, message }) => ({ path: path.map(String).join('.'), message }));
  throw validationFailed(`local/${model.entry.nativeId}`, problems);
}

/** Only files that the service has checked are fetched, never a URL out of the input itself. */
function fileUrl(field: string, input: JsonObject, files: SubmitRequest['files']): string {
  const file = files[field];
  if (file !== undefined) return file.url;
  const value = input[field];
  if (typeof value === 'string' && isDataUri(value)) return value;
  throw validationFailed('local', [
    { path: field, message: 'is no file that this server can read', hint: 'upload it and pass its URL' },
  ]);
}
