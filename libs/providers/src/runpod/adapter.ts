import type { JsonObject, Quote } from '@inferry/contracts';
import { AppError } from '@inferry/contracts';
import type { AdapterOptions } from '../definition.ts';
import { PlatformAdapter, parseJson, probeWith } from '../http/index.ts';
import { quotePrice } from '../prices/price-text.ts';
import type {
  Balance,
  CancelResult,
  InboundWebhook,
  JobEnd,
  JobHandle,
  JobView,
  Probe,
  Provider,
  ProviderContext,
  ProviderModel,
  Recovery,
  SubmitRequest,
  WebhookVerdict,
} from '../provider.ts';
import { readMyself } from './account.ts';
import { listCatalog } from './catalog.ts';
import { parseRestVersions, type RestVersion } from './control/versions.ts';
import { failureRule } from './failure-rule.ts';
import { endpointPath, jobPath } from './job-path.ts';
import { isOver, statusOf, toJobView } from './job-view.ts';
import { listEndpoints } from './own-endpoints.ts';
import { QueueNotes } from './queue-notes.ts';
import { toRunBody } from './run-body.ts';
import { runpodSkills } from './skills.ts';
import { type JobAddress, StreamedChunks } from './streamed-chunks.ts';
import { Cancelled, Job } from './wire.ts';

/** A job without a word for so long is worth asking after its workers. */
const queuedNoteMs = 15_000;
/** A call for nothing is held by the platform; one that is not must not become a busy loop. */
const streamPauseMs = 500;
/** Media in base64 stand in the reply. */
const maxReplyBytes = 32 << 20;

export function createRunpodProvider(options: AdapterOptions): Provider {
  return new RunpodProvider(options);
}

class RunpodProvider extends PlatformAdapter implements Provider {
  readonly skills = runpodSkills;
  readonly #chunks: StreamedChunks;
  readonly #notes: QueueNotes;
  readonly #restVersion: RestVersion;
  readonly #hasHub: boolean;
  readonly #now: () => number;

  constructor(options: AdapterOptions) {
    super(options, {
      rule: failureRule,
      maxReplyBytes,
    });
    const { settings, now } = options;
    this.#now = now;
    this.#restVersion = parseRestVersions(settings).ENDPOINTS;
    this.#hasHub = settings.RUNPOD_HUB === '1';
    this.#chunks = new StreamedChunks(this.client);
    this.#notes = new QueueNotes(this.client, now);
  }

  listModels(context: ProviderContext, etag?: string): ReturnType<Provider['listModels']> {
    return listCatalog(this.client, { context, etag, hasHub: this.#hasHub, lists: this.lists });
  }

  listOwnModels(context: ProviderContext): Promise<ProviderModel[]> {
    return listEndpoints(this.client, { version: this.#restVersion, lists: this.lists }, context);
  }

  quote(model: ProviderModel, input: JsonObject): Quote {
    return quotePrice(model, input);
  }

  /** Workers of an endpoint are paid by time, whatever comes of a job, and no job tells its share. */
  mayCostUntold({ status }: JobEnd): boolean {
    return status !== 'succeeded';
  }

  async submit(
    request: SubmitRequest,
    context: ProviderContext,
  ): Promise<{ handle: JobHandle; view: JobView }> {
    const { nativeId: endpoint, input, options } = request;
    const call = { path: endpointPath(endpoint, 'run'), json: toRunBody(request) };
    const { body: job } = await this.client.submit(Job, call, context);
    const streams = input.stream === true || options.stream === true;
    const handle = { endpoint, id: job.id, submitted_at: this.#now(), ...(streams && { streams }) };
    return { handle, view: toJobView(job, this.#now()) };
  }

  async poll(handle: JobHandle, context: ProviderContext): Promise<JobView> {
    const address = toAddress(handle);
    const job = await this.#read(address, context);
    if (job === undefined) return { status: 'not_found', upstreamStatus: 'not found' };
    if (job.status === 'COMPLETED' && isEmpty(job.output)) {
      return this.#withChunks(address, job, context);
    }
    const view = toJobView(job, this.#now());
    const age = this.#now() - Number(handle.submitted_at);
    if (view.status !== 'queued' || age < queuedNoteMs) return view;
    const note = await this.#notes.of(address.endpoint, context);
    return note === undefined ? view : { ...view, logs: [note] };
  }

  async *watch(handle: JobHandle, context: ProviderContext): AsyncGenerator<JobView> {
    if (handle.streams !== true) return;
    const address = toAddress(handle);
    for (;;) {
      const { chunks, status } = await this.#chunks.drain(address, context);
      const word = status ?? (await this.#read(address, context))?.status;
      if (word === undefined || isOver(word)) {
        yield await this.poll(handle, context);
        return;
      }
      const output = chunks.length === 0 ? undefined : [...chunks];
      const { outputs = [] } = toJobView({ id: address.id, status: 'COMPLETED', output }, this.#now());
      yield { status: statusOf(word), upstreamStatus: word.slice(0, 100), outputs };
      await pause(streamPauseMs, context.signal);
    }
  }

  async cancel(handle: JobHandle, context: ProviderContext): Promise<CancelResult> {
    const call = { path: jobPath(toAddress(handle), 'cancel') };
    try {
      const { body } = await this.client.change(Cancelled, call, context);
      const status = statusOf(body.status);
      if (status === 'cancelled') return 'confirmed';
      return isOver(body.status) ? 'too_late' : 'requested';
    } catch (error) {
      if (error instanceof AppError && error.upstreamStatus === 404) return 'too_late';
      throw error;
    }
  }

  /** The platform takes no id of ours and lists no jobs. */
  async recover(): Promise<Recovery> {
    return { outcome: 'unknown' };
  }

  probe(context: ProviderContext): Promise<Probe> {
    return probeWith(() => readMyself(this.client, 'id', context));
  }

  async balance(context: ProviderContext): Promise<Balance | undefined> {
    const { clientBalance } = await readMyself(this.client, 'id clientBalance', context);
    return typeof clientBalance === 'number' ? { amount: clientBalance, currency: 'USD' } : undefined;
  }

  /**
   * Nobody signs these: that somebody calls is a reason to ask, and what the call says is no answer. It may name the job of a
   * submit whose reply was lost, at the address that only this run's submit was given; the platform has to know it.
   */
  async readWebhook(
    { rawBody, nativeId }: InboundWebhook,
    context: ProviderContext,
  ): Promise<WebhookVerdict> {
    const parsed = Job.safeParse(parseJson(rawBody));
    if (!parsed.success) return { outcome: 'rejected', reason: 'it is about no job' };
    if (nativeId === undefined) return { outcome: 'job' };
    const address = { endpoint: nativeId, id: parsed.data.id };
    if ((await this.#read(address, context)) === undefined) {
      return { outcome: 'rejected', reason: 'the platform knows no such job' };
    }
    return { outcome: 'job', handle: { ...address, submitted_at: this.#now() } };
  }

  /** Undefined when the platform does not know the job any more, whatever became of it. */
  async #read(address: JobAddress, context: ProviderContext): Promise<Job | undefined> {
    try {
      // A failed job of a public endpoint may come as 400.
      const call = { path: jobPath(address, 'status'), accept: [400] };
      return (await this.client.read(Job, call, context)).body;
    } catch (error) {
      if (error instanceof AppError && error.upstreamStatus === 404) return undefined;
      throw error;
    }
  }

  /** A worker that streams without collecting gives its output at `/stream` alone. */
  async #withChunks(address: JobAddress, job: Job, context: ProviderContext): Promise<JobView> {
    const { chunks, isWhole } = await this.#chunks
      .drain(address, context)
      .catch(() => this.#chunks.of(address));
    if (chunks.length === 0) return toJobView(job, this.#now());
    const view = toJobView({ ...job, output: [...chunks] }, this.#now());
    return isWhole ? view : { ...view, isPartial: true };
  }
}

function toAddress({ endpoint, id }: JobHandle): JobAddress {
  return { endpoint: String(endpoint), id: String(id) };
}

function isEmpty(output: unknown): boolean {
  return output === undefined || output === null || (Array.isArray(output) && output.length === 0);
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  signal.addEventListener('abort', () => resolve(), { once: true });
  await promise;
  clearTimeout(timer);
}
