import { AppError, type Quote } from '@inferry/contracts';
import { FormData } from 'undici';
import type { AdapterOptions } from '../definition.ts';
import { beforeSubmit } from '../errors/index.ts';
import { type LoadedFile, PlatformAdapter, parseJson, probeWith, uploadFiles } from '../http/index.ts';
import type {
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
import { splitList } from '../split-list.ts';
import { AccountSecrets } from '../webhooks/index.ts';
import { listCatalog, readWire, toModel } from './catalog.ts';
import { toJobView } from './prediction-view.ts';
import { replicateSkills } from './skills.ts';
import { Account, Prediction, StoredFile, WebhookSecret } from './wire.ts';

const knownMs = 600_000;
const maxKnown = 2_000;

export function createReplicateProvider(options: AdapterOptions): Provider {
  return new ReplicateProvider(options);
}

class ReplicateProvider extends PlatformAdapter implements Provider {
  readonly skills = replicateSkills;
  readonly #secrets: AccountSecrets;
  readonly #named: readonly string[];
  readonly #now: () => number;
  /** The version that a model is run by; null: it is run by its name. */
  readonly #versions = new Map<string, { at: number; version: string | null }>();

  constructor(options: AdapterOptions) {
    super(options, {});
    const { settings, now } = options;
    this.#now = now;
    this.#named = splitList(settings.REPLICATE_MODELS);
    const call = { path: '/webhooks/default/secret' };
    const read = async (context: ProviderContext) =>
      (await this.client.read(WebhookSecret, call, context)).body.key;
    this.#secrets = new AccountSecrets({ read, now });
  }

  listModels(context: ProviderContext, etag?: string): ReturnType<Provider['listModels']> {
    return listCatalog(this.client, { context, etag, named: this.#named, lists: this.lists });
  }

  async describeModel(nativeId: string, context: ProviderContext): Promise<ProviderModel> {
    const [name = ''] = nativeId.split(':');
    return { ...toModel(await readWire(this.client, name, context)), nativeId };
  }

  /** The platform has no call that tells a price. */
  quote(): Quote {
    return { currency: 'USD', exact: false, unpriced_inputs: [], basis: 'unknown' };
  }

  /** Time of hardware is charged until it ends; what was never begun is not. */
  mayCostUntold({ status, upstreamStatus }: JobEnd): boolean {
    return (status === 'failed' || status === 'cancelled') && upstreamStatus !== 'aborted';
  }

  async submit(
    request: SubmitRequest,
    context: ProviderContext,
  ): Promise<{ handle: JobHandle; view: JobView }> {
    const { webhookUrl, nativeId } = request;
    const [name = '', named] = nativeId.split(':');
    const version = named ?? (await beforeSubmit(() => this.#versionOf(name, context)));
    const input = await uploadFiles(request, { signal: context.signal }, (file) =>
      this.#upload(file, context),
    );
    const webhook =
      webhookUrl === undefined ? {} : { webhook: webhookUrl, webhook_events_filter: ['completed'] };
    const call =
      version === null
        ? { path: `/models/${name}/predictions`, json: { input, ...webhook } }
        : { path: '/predictions', json: { version, input, ...webhook } };
    const { body } = await this.client.submit(Prediction, call, context);
    const stream = body.urls?.stream;
    return { handle: { id: body.id, ...(stream && { stream }) }, view: toJobView(body, this.#now()) };
  }

  async poll({ id }: JobHandle, context: ProviderContext): Promise<JobView> {
    try {
      const { body } = await this.client.read(Prediction, { path: pathOf(id) }, context);
      return toJobView(body, this.#now());
    } catch (error) {
      if (error instanceof AppError && error.upstreamStatus === 404) {
        return { status: 'not_found', upstreamStatus: 'not found' };
      }
      throw error;
    }
  }

  /** What a model that streams has written so far; its address needs no key. */
  async *watch(handle: JobHandle, context: ProviderContext): AsyncGenerator<JobView> {
    const { stream } = handle;
    if (typeof stream !== 'string') return;
    const call = { url: stream, isKeyless: true, timeoutMs: 600_000 };
    const { body: events } = await this.client.events(call, context);
    let text = '';
    for await (const { event, data } of events) {
      if (event === 'done' || event === 'error') break;
      if (event !== 'output') continue;
      text += data;
      const output = { kind: 'text', contentType: 'text/plain', text } as const;
      yield { status: 'running', upstreamStatus: 'processing', outputs: [output] };
    }
    yield await this.poll(handle, context);
  }

  async cancel({ id }: JobHandle, context: ProviderContext): Promise<CancelResult> {
    try {
      const { body } = await this.client.change(Prediction, { path: `${pathOf(id)}/cancel` }, context);
      if (body.status === 'canceled') return 'confirmed';
      return ['succeeded', 'failed', 'aborted'].includes(body.status) ? 'too_late' : 'requested';
    } catch (error) {
      if (error instanceof AppError && error.upstreamStatus === 404) return 'too_late';
      throw error;
    }
  }

  /** The platform takes no id of ours, and two runs of one input look alike in its list. */
  async recover(): Promise<Recovery> {
    return { outcome: 'unknown' };
  }

  async probe(context: ProviderContext): Promise<Probe> {
    let account: string | undefined;
    const probe = await probeWith(async () => {
      const { body } = await this.client.read(Account, { path: '/account' }, context);
      account = body.username ?? undefined;
    });
    return { ...probe, ...(account === undefined ? {} : { account }) };
  }

  async readWebhook(webhook: InboundWebhook, context: ProviderContext): Promise<WebhookVerdict> {
    const verdict = await this.#secrets.verify(webhook, context);
    if (!verdict.isGenuine) return { outcome: 'rejected', reason: verdict.reason };
    const parsed = Prediction.safeParse(parseJson(webhook.rawBody));
    if (!parsed.success) return { outcome: 'rejected', reason: 'malformed' };
    const { id, urls } = parsed.data;
    return { outcome: 'job', handle: { id, ...(urls?.stream && { stream: urls.stream }) } };
  }

  /** Official models are run by their names, the others by their latest version. */
  async #versionOf(name: string, context: ProviderContext): Promise<string | null> {
    const known = this.#versions.get(name);
    if (known !== undefined && this.#now() - known.at < knownMs) return known.version;
    const { is_official: isOfficial, latest_version: latest } = await readWire(this.client, name, context);
    const version = isOfficial === true ? null : (latest?.id ?? null);
    if (this.#versions.size >= maxKnown) this.#versions.clear();
    this.#versions.set(name, { at: this.#now(), version });
    return version;
  }

  async #upload({ bytes, contentType, fileName }: LoadedFile, context: ProviderContext): Promise<string> {
    const form = new FormData();
    form.set('content', new Blob([bytes], { type: contentType }), fileName);
    const { body } = await this.client.change(StoredFile, { path: '/files', form }, context);
    return body.urls.get;
  }
}

function pathOf(id: unknown): string {
  return `/predictions/${encodeURIComponent(String(id))}`;
}
