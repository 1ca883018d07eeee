import { AppError, type ErrorCode, type JsonObject, type Quote } from '@inferry/contracts';
import { z } from 'zod';
import type { AdapterOptions } from '../definition.ts';
import { cleanText, jobMessage } from '../errors/index.ts';
import { PlatformAdapter, parseJson, probeWith, uploadFiles } from '../http/index.ts';
import { answered } from '../outputs/answer.ts';
import { quotePrice } from '../prices/price-text.ts';
import type {
  CancelResult,
  InboundWebhook,
  JobEnd,
  JobErrorCode,
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
import { KeySet } from '../webhooks/index.ts';
import { listCatalog, readModel } from './catalog.ts';
import { failureRule, resultRule } from './failure-rule.ts';
import { falSkills } from './skills.ts';
import { verifyFalWebhook } from './webhook.ts';
import { Cancelled, FalWebhook, ModelAnswer, Queued, QueueStatus, Upload } from './wire.ts';

/** Base64 pictures of small models stand in the answer. */
const maxReplyBytes = 32 << 20;
const keySetUrl = 'https://rest.fal.ai/.well-known/jwks.json';

export function createFalProvider(options: AdapterOptions): Provider {
  return new FalProvider(options);
}

class FalProvider extends PlatformAdapter implements Provider {
  readonly skills = falSkills;
  readonly #keys: KeySet;
  readonly #now: () => number;
  readonly #base: string;

  constructor(options: AdapterOptions) {
    super(options, {
      rule: failureRule,
      maxReplyBytes,
      // The queue names its own hosts in what it answers, also behind an address that was configured.
      keyHosts: ['.fal.run'],
      authorize: (key) => ({ authorization: `Key ${key}` }),
    });
    const { now, bases } = options;
    this.#now = now;
    this.#base = bases.api;
    const call = { base: 'rest', path: '/.well-known/jwks.json', isKeyless: true };
    this.#keys = new KeySet({
      url: keySetUrl,
      readJson: async (_url, signal) => (await this.client.read(z.unknown(), call, { signal })).body,
      now,
    });
  }

  listModels(context: ProviderContext, etag?: string): ReturnType<Provider['listModels']> {
    return listCatalog(this.client, { context, etag, lists: this.lists });
  }

  describeModel(nativeId: string, context: ProviderContext): Promise<ProviderModel> {
    return readModel(this.client, nativeId, context);
  }

  quote(model: ProviderModel, input: JsonObject): Quote {
    return quotePrice(model, input);
  }

  /** Errors of the server cost nothing; an input that a model refuses after it began may be charged. */
  mayCostUntold({ status, code }: JobEnd): boolean {
    return status === 'failed' && (code === 'validation_failed' || code === 'content_blocked');
  }

  async submit(
    request: SubmitRequest,
    context: ProviderContext,
  ): Promise<{ handle: JobHandle; view: JobView }> {
    const { nativeId, options, webhookUrl } = request;
    const json = await uploadFiles(request, { signal: context.signal }, async (file) => {
      const { contentType, fileName, bytes } = file;
      const query = { storage_type: 'fal-cdn-v3' };
      const call = { base: 'rest', path: '/storage/upload/initiate', query };
      const about = { content_type: contentType, file_name: fileName };
      const { body } = await this.client.change(Upload, { ...call, json: about }, context);
      const headers = { 'content-type': contentType };
      const put = { method: 'PUT', url: body.upload_url, isKeyless: true, bytes, headers } as const;
      await this.client.content({ ...put, purpose: 'change' }, context);
      return body.file_url;
    });
    const query = { fal_webhook: webhookUrl };
    const call = { path: `/${nativeId}`, query, json, headers: toHeaders(options) };
    const { body } = await this.client.submit(Queued, call, context);
    // The paths are the platform's own: it leaves a part of the model's name out of them.
    const { request_id: id, status_url, response_url, cancel_url } = body;
    const view = toPendingView({ status: 'IN_QUEUE', queue_position: body.queue_position });
    return {
      handle: { id, status_url, response_url, cancel_url },
      view: view ?? { status: 'queued', upstreamStatus: 'IN_QUEUE' },
    };
  }

  async poll(handle: JobHandle, context: ProviderContext): Promise<JobView> {
    const status = await this.#readStatus(handle, context);
    if (status === undefined) return { status: 'not_found', upstreamStatus: 'not found' };
    return toPendingView(status) ?? this.#readResult(handle, context);
  }

  async *watch(handle: JobHandle, context: ProviderContext): AsyncGenerator<JobView> {
    const call = { url: `${String(handle.status_url)}/stream`, query: { logs: '1' }, accept: [202] };
    const { body: events } = await this.client.events({ ...call, timeoutMs: 600_000 }, context);
    for await (const { data } of events) {
      const parsed = QueueStatus.safeParse(parseJson(data));
      if (!parsed.success) continue;
      const view = toPendingView(parsed.data) ?? (await this.#readResult(handle, context));
      yield view;
      if (view.status !== 'queued' && view.status !== 'running') return;
    }
  }

  async cancel({ cancel_url: url }: JobHandle, context: ProviderContext): Promise<CancelResult> {
    try {
      await this.client.change(Cancelled, { method: 'PUT', url: String(url) }, context);
      return 'requested';
    } catch (error) {
      // Which of these says that it is over is not the same in all documents.
      const over = [400, 404, 409];
      if (error instanceof AppError && over.includes(error.upstreamStatus ?? 0)) return 'too_late';
      throw error;
    }
  }

  /** Takes the files of the result too; those of the input stay, as other requests may use them. It asks for an admin key. */
  async deletePayload({ id }: JobHandle, context: ProviderContext): Promise<void> {
    const path = `/models/requests/${encodeURIComponent(String(id))}/payloads`;
    const call = { method: 'DELETE', base: 'platform', path, accept: [404] } as const;
    await this.client.change(z.unknown(), call, context);
  }

  /** The platform takes no id of ours and lists no requests of one key. */
  async recover(): Promise<Recovery> {
    return { outcome: 'unknown' };
  }

  probe(context: ProviderContext): Promise<Probe> {
    const call = { base: 'platform', path: '/models/usage', query: { limit: 1 } };
    return probeWith(() => this.client.read(z.unknown(), call, context));
  }

  async readWebhook(webhook: InboundWebhook, { signal }: ProviderContext): Promise<WebhookVerdict> {
    const verdict = await verifyFalWebhook(webhook, { keys: this.#keys, now: this.#now(), signal });
    if (!verdict.isGenuine) return { outcome: 'rejected', reason: verdict.reason };
    const parsed = FalWebhook.safeParse(parseJson(webhook.rawBody));
    if (!parsed.success) return { outcome: 'rejected', reason: 'malformed' };
    // Its payload may be cut: the result is read from where every other one is.
    const handle = this.#handleOf(parsed.data.request_id, webhook.nativeId);
    return { outcome: 'job', ...(handle && { handle }) };
  }

  /** As the queue makes its addresses: of the application alone, whatever path of it was called. */
  #handleOf(id: string, nativeId: string | undefined): JobHandle | undefined {
    const [owner, alias] = (nativeId ?? '').split('/');
    if (!owner || !alias) return undefined;
    const at = `${this.#base.replace(/\/+$/, '')}/${owner}/${alias}/requests/${encodeURIComponent(id)}`;
    return { id, status_url: `${at}/status`, response_url: at, cancel_url: `${at}/cancel` };
  }

  async #readStatus(
    { status_url: url }: JobHandle,
    context: ProviderContext,
  ): Promise<QueueStatus | undefined> {
    try {
      const call = { url: String(url), query: { logs: '1' }, accept: [202] };
      return (await this.client.read(QueueStatus, call, context)).body;
    } catch (error) {
      if (error instanceof AppError && error.upstreamStatus === 404) return undefined;
      throw error;
    }
  }

  /** There is no failed state: the result is the model's answer, or why there is none. */
  async #readResult({ response_url: url }: JobHandle, context: ProviderContext): Promise<JobView> {
    try {
      const { body } = await this.client.read(ModelAnswer, { url: String(url), rule: resultRule }, context);
      return toSucceeded(body);
    } catch (error) {
      const end = toEnd(error);
      if (end !== undefined) return end;
      throw error;
    }
  }
}

function toHeaders({
  priority,
  start_timeout_seconds: seconds,
}: SubmitRequest['options']): Record<string, string> {
  return {
    ...((priority === 'low' || priority === 'normal') && { 'x-fal-queue-priority': priority }),
    ...(typeof seconds === 'number' && seconds > 0 && { 'x-fal-request-timeout': String(seconds) }),
  };
}

const maxLogs = 20;

/** What a status call says; undefined when the result has to be asked, since completed is not yet success. */
export function toPendingView({ status, queue_position: position, logs }: QueueStatus): JobView | undefined {
  const upstreamStatus = status.slice(0, 100);
  if (status === 'COMPLETED') return undefined;
  if (status === 'IN_QUEUE') {
    return {
      status: 'queued',
      upstreamStatus,
      ...(typeof position === 'number' && { queuePosition: position }),
    };
  }
  const lines = (logs ?? []).slice(-maxLogs).map(({ message }) => cleanText(message ?? ''));
  const said = lines.filter((line) => line !== '');
  return { status: 'running', upstreamStatus, ...(said.length > 0 && { logs: said }) };
}

export function toSucceeded(answer: unknown): JobView {
  return answered(answer, { upstreamStatus: 'COMPLETED' });
}

/** The end that a failed result call tells; undefined when it says nothing of the job. */
export function toEnd(error: unknown): JobView | undefined {
  if (!(error instanceof AppError)) return undefined;
  const { code } = error;
  if (code === 'run_expired') return { status: 'not_found', upstreamStatus: 'not found' };
  if (code === 'cancelled' && error.upstreamStatus !== undefined) {
    return { status: 'cancelled', upstreamStatus: 'client_cancelled' };
  }
  return isJobError(code, error.upstreamStatus) ? failed(code, jobMessage(error)) : undefined;
}

/** Faults of the key, of the rate or of the line are no fault of the job: it is asked again. */
function isJobError(code: ErrorCode, status: number | undefined): code is JobErrorCode {
  const codes: readonly ErrorCode[] = [
    'validation_failed',
    'content_blocked',
    'generate_failed',
    'upstream_failed',
  ];
  return status !== undefined && (codes.includes(code) || (code === 'deadline_exceeded' && status === 504));
}

function failed(code: JobErrorCode, message: string): JobView {
  return { status: 'failed', upstreamStatus: 'COMPLETED', error: { code, message } };
}
