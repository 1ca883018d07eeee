import { AppError, type JsonObject, type Quote, Secret } from '@inferry/contracts';
import type { AdapterOptions } from '../definition.ts';
import { type LoadedFile, PlatformAdapter, parseJson, probeWith, uploadFiles } from '../http/index.ts';
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
import { splitList } from '../split-list.ts';
import { verifyHmac } from '../webhooks/index.ts';
import { listCatalog } from './catalog.ts';
import { failureRule } from './failure-rule.ts';
import { toJobView } from './run-view.ts';
import { runflowSkills } from './skills.ts';
import * as wire from './wire.ts';

const maxUploadBytes = 52_428_800;
const recoverPage = 100;
const recoverPages = 5;
/** What the clocks of two computers may differ by. */
const clockMarginMs = 300_000;

export function createRunflowProvider(options: AdapterOptions): Provider {
  return new RunflowProvider(options);
}

class RunflowProvider extends PlatformAdapter implements Provider {
  readonly skills = runflowSkills;
  readonly #secrets: readonly Secret[];
  readonly #now: () => number;

  constructor(options: AdapterOptions) {
    super(options, {
      rule: failureRule,
    });
    const { settings, now } = options;
    this.#now = now;
    this.#secrets = splitList(settings.RUNFLOW_CALLBACK_SECRETS).map((it) => new Secret(it));
  }

  listModels(context: ProviderContext, etag?: string): ReturnType<Provider['listModels']> {
    return listCatalog(this.client, { context, etag, lists: this.lists });
  }

  quote(model: ProviderModel, input: JsonObject): Quote {
    return quotePrice(model, input);
  }

  /** What was cancelled or failed on the way is charged as far as it came; where its cost is told, that is taken. */
  mayCostUntold({ status }: JobEnd): boolean {
    return status === 'failed' || status === 'cancelled';
  }

  async submit(
    request: SubmitRequest,
    context: ProviderContext,
  ): Promise<{ handle: JobHandle; view: JobView }> {
    refuseServiceKey(context);
    const { nativeId, runId, clientRef = runId, webhookUrl } = request;
    const limits = { signal: context.signal, maxBytes: maxUploadBytes };
    const input = await uploadFiles(request, limits, (file) => this.#upload(file, context));
    const json = {
      input,
      client_ref: clientRef,
      // An address of a webhook that is too long for it is left out, and the run is polled.
      ...(webhookUrl !== undefined && webhookUrl.length <= 2_048 && { callback_url: webhookUrl }),
    };
    const { body } = await this.client.submit(wire.Run, { path: `/models/${nativeId}/runs`, json }, context);
    return { handle: { id: body.id }, view: toJobView(body) };
  }

  async poll({ id }: JobHandle, context: ProviderContext): Promise<JobView> {
    try {
      const path = `/runs/${encodeURIComponent(String(id))}`;
      const { body } = await this.client.read(wire.Run, { path }, context);
      return toJobView(body);
    } catch (error) {
      if (error instanceof AppError && error.upstreamStatus === 404) {
        return { status: 'not_found', upstreamStatus: 'not found' };
      }
      throw error;
    }
  }

  /** There is no public cancel: what was taken is finished and charged. */
  async cancel(): Promise<CancelResult> {
    return 'unsupported';
  }

  /**
   * By our reference, which each run carries. Whether the list can be filtered by it is not certain, so an empty answer to that
   * question says nothing: the newest runs are read as well, and that ours is not there is believed only when all of them could
   * be read and they go back to before it was sent.
   */
  async recover(
    { runId, clientRef = runId, nativeId, submittedAt }: RecoverRequest,
    context: ProviderContext,
  ): Promise<Recovery> {
    const since = Date.parse(submittedAt) - clockMarginMs;
    const asked = await this.#listRuns({ q: `client_ref:${clientRef}` }, context);
    let found = jobIn(asked.runs, clientRef, nativeId);
    let next: string | undefined;
    for (let page = 0; found === undefined && page < recoverPages; page++) {
      const { runs, isWhole, ...more } = await this.#listRuns(
        next === undefined ? {} : { pq: next },
        context,
      );
      found = jobIn(runs, clientRef, nativeId);
      const goesBack = runs.some(({ created_at: at }) => Date.parse(at ?? '') < since);
      const isEnd = more.next === undefined && runs.length < recoverPage;
      if (found === undefined && isWhole && (goesBack || isEnd)) return { outcome: 'absent' };
      if (more.next === undefined) break;
      next = more.next;
    }
    return found ?? { outcome: 'unknown' };
  }

  async #listRuns(
    by: { q?: string; pq?: string },
    context: ProviderContext,
  ): Promise<{ runs: wire.ListedRun[]; isWhole: boolean; next: string | undefined }> {
    const query = { ...by, sort_by: 'created_at:desc', limit: recoverPage };
    const { body } = await this.client.read(wire.RunPage, { path: '/runs', query }, context);
    const runs = this.lists.read(body.items, wire.ListedRun);
    return { runs, isWhole: runs.length === body.items.length, next: body.next_pq ?? undefined };
  }

  /** In units in one document and in cents in another. */
  async balance(context: ProviderContext): Promise<Balance | undefined> {
    const { body } = await this.client.read(wire.Balance, { path: '/billing/balance' }, context);
    const currency = (body.currency ?? 'USD').toUpperCase();
    if ('balance' in body) return { amount: Number(body.balance), currency };
    return { amount: Number(body.balance_cents) / 100, currency };
  }

  async probe(context: ProviderContext): Promise<Probe> {
    if (isServiceKey(context)) return { outcome: 'rejected' };
    return probeWith(() => this.client.read(wire.Me, { path: '/auth/me' }, context));
  }

  /** Signed without a time: a replay makes us ask once more, and what it says is no answer. */
  async readWebhook(webhook: InboundWebhook): Promise<WebhookVerdict> {
    const verdict = verifyHmac(webhook, {
      secrets: this.#secrets,
      signatureHeader: 'runflow-signature',
      encoding: 'hex',
      now: this.#now(),
    });
    if (!verdict.isGenuine) return { outcome: 'rejected', reason: verdict.reason };
    const parsed = wire.RunflowCallback.safeParse(parseJson(webhook.rawBody));
    if (!parsed.success) return { outcome: 'rejected', reason: 'malformed' };
    const { event, run_id: id } = parsed.data;
    if (!event.startsWith('run.')) return { outcome: 'ignored' };
    return { outcome: 'job', ...(id && { handle: { id } }) };
  }

  async #upload({ bytes, contentType, fileName }: LoadedFile, context: ProviderContext): Promise<string> {
    const json = { filename: fileName, mime_type: contentType, size_bytes: bytes.byteLength };
    const { body } = await this.client.change(wire.AssetUpload, { path: '/asset-uploads', json }, context);
    const headers = { 'content-type': contentType };
    const put = { method: 'PUT', url: body.upload_url, isKeyless: true, bytes, headers } as const;
    await this.client.content({ ...put, purpose: 'change' }, context);
    const path = `/asset-uploads/${encodeURIComponent(body.asset_id)}/confirmations`;
    const asset = await this.client.change(wire.Asset, { path, json: {} }, context);
    return asset.body.url;
  }
}

/** One reference may be of several models; a list that names them is looked at by both. */
function jobIn(runs: readonly wire.ListedRun[], reference: string, nativeId: string): Recovery | undefined {
  const found = runs.find(
    ({ client_ref: ref, model_id: model }) =>
      ref === reference && (model?.includes('/') !== true || model === nativeId),
  );
  return found && { outcome: 'found', handle: { id: found.id } };
}

/** Keys of services manage an organisation and never run anything (RF-06). */
function isServiceKey({ credential }: ProviderContext): boolean {
  return credential?.reveal().startsWith('rf_svc_') === true;
}

function refuseServiceKey(context: ProviderContext): void {
  if (!isServiceKey(context)) return;
  throw new AppError('unauthorized', 'This is a service key of Runflow, which runs nothing.', {
    nextAction: 'Use a key that begins with rf_live_.',
  });
}
