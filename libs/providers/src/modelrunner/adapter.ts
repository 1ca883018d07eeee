import { setTimeout as sleep } from 'node:timers/promises';
import { AppError, type JsonObject, type Quote } from '@inferry/contracts';
import type { AdapterOptions } from '../definition.ts';
import { jobMessage } from '../errors/index.ts';
import { PlatformAdapter, parseJson, probeWith, uploadFiles } from '../http/index.ts';
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
  RecoverRequest,
  Recovery,
  SubmitRequest,
  WebhookVerdict,
} from '../provider.ts';
import { AccountSecrets } from '../webhooks/index.ts';
import { listCatalog, readModel } from './catalog.ts';
import { failureRule } from './failure-rule.ts';
import { chargeOf, failed, toPendingView, toResultView } from './job-view.ts';
import { modelrunnerSkills } from './skills.ts';
import * as wire from './wire.ts';

const base = 'platform';
/** The run's id among the metadata of a request, by which it is found again. */
const runKey = 'inferry_run';
/** That many the platform takes of a request. */
const maxMetadata = 16;
const recoverPage = 50;
/** What the clocks of two computers may differ by. */
const clockMarginMs = 300_000;
/** How often a bill that is still pending is looked at, and the pause in between. */
const billLooks = 3;
const billPauseMs = 300;

export function createModelRunnerProvider(options: AdapterOptions): Provider {
  return new ModelRunnerProvider(options);
}

class ModelRunnerProvider extends PlatformAdapter implements Provider {
  readonly skills = modelrunnerSkills;
  readonly #secrets: AccountSecrets;

  constructor(options: AdapterOptions) {
    super(options, {
      rule: failureRule,
      keyHosts: ['.modelrunner.run'],
      authorize: (key) => ({ authorization: `Key ${key}` }),
    });
    const { now } = options;
    const call = { base, path: '/webhooks/default/secret' };
    const read = async (context: ProviderContext) =>
      (await this.client.read(wire.WebhookSecret, call, context)).body.key;
    this.#secrets = new AccountSecrets({ read, now });
  }

  listModels(context: ProviderContext, etag?: string): ReturnType<Provider['listModels']> {
    return listCatalog(this.client, { context, etag, lists: this.lists });
  }

  describeModel(nativeId: string, context: ProviderContext): Promise<ProviderModel> {
    return readModel(this.client, nativeId, { context, lists: this.lists });
  }

  /** By its rate card, where that is a plain rate; the average that is told of every model promises nothing. */
  quote(model: ProviderModel, input: JsonObject): Quote {
    if (model.price.rate !== undefined) return quotePrice(model, input);
    const { currency } = model.price;
    return { currency, exact: false, unpriced_inputs: [], basis: 'unknown' };
  }

  /** Cancelling takes effect on deployments alone: what ran is charged, and only its record says how much. */
  mayCostUntold({ status }: JobEnd): boolean {
    return status === 'cancelled';
  }

  async submit(
    request: SubmitRequest,
    context: ProviderContext,
  ): Promise<{ handle: JobHandle; view: JobView }> {
    const { nativeId, options, runId, webhookUrl, tags = {} } = request;
    const input = await uploadFiles(request, { signal: context.signal }, (file) =>
      this.#upload(file, context),
    );
    // Its caller's tags stand there too, so that its dashboard can be searched by them (MRD-02).
    const told = Object.entries(tags).slice(0, maxMetadata - 1);
    const metadata = { ...Object.fromEntries(told), [runKey]: runId };
    const own = { metadata, ...(webhookUrl !== undefined && { webhook: webhookUrl }) };
    const { priority } = options;
    const headers =
      priority === 'low' || priority === 'normal' ? { 'x-modelrunner-queue-priority': priority } : {};
    const call = { path: `/${nativeId}`, json: { ...input, ...own }, headers };
    const { body } = await this.client.submit(wire.QueuedRequest, call, context);
    const { request_id: id, status_url, response_url } = body;
    const handle = {
      model: nativeId,
      id,
      ...(status_url && { status_url }),
      ...(response_url && { response_url }),
    };
    // A submit that ended at once is read from where every result is.
    return { handle, view: toPendingView(body) ?? { status: 'running', upstreamStatus: body.status } };
  }

  async poll(handle: JobHandle, context: ProviderContext): Promise<JobView> {
    const status = await this.#readStatus(handle, context);
    if (status === undefined) return { status: 'not_found', upstreamStatus: 'not found' };
    return toPendingView(status) ?? this.#readResult(handle, context);
  }

  async *watch(handle: JobHandle, context: ProviderContext): AsyncGenerator<JobView> {
    const path = `${pathOf(handle)}/status/stream`;
    const { body: events } = await this.client.events({ path, timeoutMs: 600_000 }, context);
    for await (const { data } of events) {
      const parsed = wire.QueuedRequest.safeParse(parseJson(data));
      if (!parsed.success) continue;
      const view = toPendingView(parsed.data) ?? (await this.#readResult(handle, context));
      yield view;
      if (view.status !== 'queued' && view.status !== 'running') return;
    }
  }

  /**
   * Takes effect on a deployment of one's own alone: a model goes on and is charged, and the call answers with its state as
   * it is (MRD-03). Only a state of CANCELLED says that something was stopped.
   */
  async cancel(handle: JobHandle, context: ProviderContext): Promise<CancelResult> {
    try {
      const call = { method: 'PUT', path: `${pathOf(handle)}/cancel`, accept: [400] } as const;
      const { status } = (await this.client.change(wire.AfterCancel, call, context)).body;
      if (status === 'CANCELLED') return 'confirmed';
      return status === 'COMPLETED' || status === 'FAILED' ? 'too_late' : 'unsupported';
    } catch (error) {
      if (error instanceof AppError && error.upstreamStatus === 404) return 'too_late';
      throw error;
    }
  }

  /**
   * Requests are listed by their metadata, where our id is. What is listed is believed to be ours only when its own metadata
   * says so; that nothing of ours is there, only of a list that was filtered or goes back to before the submit.
   */
  async recover(
    { runId, nativeId, submittedAt }: RecoverRequest,
    context: ProviderContext,
  ): Promise<Recovery> {
    const query = { metadata: JSON.stringify({ [runKey]: runId }), limit: recoverPage };
    // The list of requests is part of the queue, and not of the platform's other calls.
    const { body } = await this.client.read(wire.RequestPage, { path: '/requests', query }, context);
    const listed = this.lists.read(body.data, wire.FinishedRequest);
    const since = Date.parse(submittedAt) - clockMarginMs;
    for (const request of listed) {
      if (Date.parse(request.createdAt ?? '') < since) continue;
      const { metadata } = request.metadata ? request : await this.#readRequest(request.id, context);
      if (metadata?.[runKey] !== runId) continue;
      return { outcome: 'found', handle: { model: request.modelEndpoint ?? nativeId, id: request.id } };
    }
    const isWhole = listed.length === body.data.length && listed.length < recoverPage;
    const goesBack = listed.some(({ createdAt }) => Date.parse(createdAt ?? '') < since);
    return { outcome: isWhole || goesBack ? 'absent' : 'unknown' };
  }

  async #readRequest(id: string, context: ProviderContext): Promise<wire.FinishedRequest> {
    const call = { path: `/requests/${encodeURIComponent(id)}` };
    return (await this.client.read(wire.FinishedRequest, call, context)).body;
  }

  async balance(context: ProviderContext): Promise<Balance | undefined> {
    const { body } = await this.client.read(wire.Balance, { base, path: '/billing/balance' }, context);
    return { amount: body.balance, currency: (body.currency ?? 'USD').toUpperCase() };
  }

  probe(context: ProviderContext): Promise<Probe> {
    return probeWith(() => this.balance(context));
  }

  async readWebhook(webhook: InboundWebhook, context: ProviderContext): Promise<WebhookVerdict> {
    const verdict = await this.#secrets.verify(webhook, context);
    if (!verdict.isGenuine) return { outcome: 'rejected', reason: verdict.reason };
    const parsed = wire.ModelRunnerWebhook.safeParse(parseJson(webhook.rawBody));
    if (!parsed.success) return { outcome: 'rejected', reason: 'malformed' };
    const { id, request_id, modelEndpoint, metadata } = parsed.data;
    const runId = metadata?.[runKey];
    if (runId !== undefined && runId !== webhook.runId)
      return { outcome: 'rejected', reason: 'it is about another run' };
    const job = id ?? request_id;
    const model = webhook.nativeId ?? modelEndpoint;
    return { outcome: 'job', ...(job && model && { handle: { model, id: job } }) };
  }

  async #upload(
    { bytes, contentType, fileName }: { bytes: Uint8Array; contentType: string; fileName: string },
    context: ProviderContext,
  ): Promise<string> {
    const json = { file_name: fileName, content_type: contentType, size: bytes.byteLength };
    const call = { base, path: '/storage/upload/initiate', json };
    const { body } = await this.client.change(wire.Upload, call, context);
    const headers = { 'content-type': contentType };
    const put = { method: 'PUT', url: body.upload_url, isKeyless: true, bytes, headers } as const;
    await this.client.content({ ...put, purpose: 'change' }, context);
    return body.file_url;
  }

  async #readStatus(handle: JobHandle, context: ProviderContext): Promise<wire.QueuedRequest | undefined> {
    const { status_url: url } = handle;
    // A request that failed is told with 400 and the same body (MRD-03).
    const call = {
      ...(typeof url === 'string' ? { url } : { path: `${pathOf(handle)}/status` }),
      accept: [400],
    };
    try {
      return (await this.client.read(wire.QueuedRequest, { ...call, query: { logs: '0' } }, context)).body;
    } catch (error) {
      if (error instanceof AppError && error.upstreamStatus === 404) return undefined;
      throw error;
    }
  }

  /** The bill is written a moment after the result. One that cannot be read takes no result away. */
  async #readBill({ id }: JobHandle, context: ProviderContext): Promise<Bill> {
    const call = { path: `/requests/${encodeURIComponent(String(id))}` };
    let bill: Bill = {};
    for (let looks = 0; looks < billLooks; looks++) {
      try {
        const { billingStatus, totalPrice } = (await this.client.read(wire.FinishedRequest, call, context))
          .body;
        bill = { ...(billingStatus && { billingStatus }), ...(totalPrice !== undefined && { totalPrice }) };
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        return bill;
      }
      if (bill.billingStatus !== 'pending') return bill;
      await sleep(billPauseMs, undefined, { signal: context.signal }).catch(() => undefined);
    }
    return bill;
  }

  async #readResult(handle: JobHandle, context: ProviderContext): Promise<JobView> {
    const { response_url: url } = handle;
    const call = typeof url === 'string' ? { url } : { path: pathOf(handle) };
    try {
      const { body } = await this.client.read(wire.FinishedRequest, call, context);
      return toResultView({ ...body, ...(await this.#readBill(handle, context)) });
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      if (error.upstreamStatus === 404) return { status: 'not_found', upstreamStatus: 'not found' };
      if (error.upstreamStatus === 422) {
        const end = failed('COMPLETED', jobMessage(error));
        return { ...end, ...chargeOf(await this.#readBill(handle, context)) };
      }
      // "Not completed yet", a moment after it was said to be.
      if (error.upstreamStatus === 409) return { status: 'running', upstreamStatus: 'COMPLETED' };
      throw error;
    }
  }
}

/** What a request cost, which its result does not say and the record of it does. */
type Bill = Pick<wire.FinishedRequest, 'billingStatus' | 'totalPrice'>;

function pathOf({ model, id }: JobHandle): string {
  return `/${String(model)}/requests/${encodeURIComponent(String(id))}`;
}
