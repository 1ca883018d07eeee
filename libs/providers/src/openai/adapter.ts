import { createHash } from 'node:crypto';
import { AppError, type Quote } from '@inferry/contracts';
import { z } from 'zod';
import type { AdapterOptions } from '../definition.ts';
import { beforeSubmit } from '../errors/index.ts';
import { HeldCalls, PlatformAdapter, probeWith } from '../http/index.ts';
import type {
  CancelResult,
  JobEnd,
  JobHandle,
  JobView,
  Probe,
  Provider,
  ProviderContext,
  Recovery,
  SubmitRequest,
} from '../provider.ts';
import { speech, transcription } from './audio.ts';
import type { OpenAiCall } from './call.ts';
import { chat } from './chat.ts';
import { embeddings } from './embeddings.ts';
import { failureRule } from './failure-rule.ts';
import { images } from './images.ts';
import { isEmbeddingFamily, kindOf, type ModelKind, parseKinds, toldKind } from './model-kinds.ts';
import { toModel } from './models.ts';
import { pollVideo, submitVideo } from './videos.ts';
import { ListedModel, ModelList, OllamaTags } from './wire.ts';

type HeldKind = Exclude<ModelKind, 'video' | 'none'>;

const calls: Readonly<Record<HeldKind, (call: OpenAiCall) => Promise<JobView>>> = {
  chat,
  image: images,
  speech,
  transcription,
  embedding: embeddings,
};

/** For so long what the list says of a model's kind is believed. */
const kindsFreshMs = 600_000;

/** Servers that nobody pays for by the call. */
const freeSlugs = new Set(['vllm', 'ollama', 'localai']);

/** Any server with OpenAI's API. Films are jobs there; everything else is one call that is held here. */
export function createOpenAiProvider(options: AdapterOptions): Provider {
  return new OpenAiProvider(options);
}

class OpenAiProvider extends PlatformAdapter implements Provider {
  readonly #kinds: Map<string, ModelKind>;
  readonly #held: HeldCalls;
  readonly #isFree: boolean;
  readonly #isOllama: boolean;
  readonly #base: string;
  readonly #now: () => number;
  #known: { at: number; kinds: ReadonlyMap<string, ModelKind> } | undefined;

  constructor(options: AdapterOptions) {
    super(options, {
      rule: failureRule,
    });
    const { settings, bases, now, maxCallMs } = options;
    this.#base = bases.api;
    this.#now = now;
    this.#isOllama = this.slug === 'ollama';
    this.#isFree = freeSlugs.has(this.slug);
    this.#kinds = parseKinds(settings.OPENAI_MODEL_KINDS);
    this.#held = new HeldCalls({ title: this.title, deadlineMs: maxCallMs });
  }

  async listModels(context: ProviderContext, etag?: string): ReturnType<Provider['listModels']> {
    const kinds = [...(await this.#readKinds(context))].sort(([left], [right]) => (left < right ? -1 : 1));
    const now = createHash('sha256').update(JSON.stringify(kinds)).digest('base64url');
    if (etag === now) return 'unchanged';
    const models = kinds.flatMap(([id, kind]) =>
      kind === 'none' ? [] : [toModel(id, { kind, owner: this.slug, isFree: this.#isFree })],
    );
    return { etag: now, models };
  }

  /** What each model does: as an operator says, as the server says, else as its name says. */
  async #readKinds(context: ProviderContext): Promise<Map<string, ModelKind>> {
    const { body } = await this.client.read(ModelList, { path: '/models' }, context);
    const kinds = new Map<string, ModelKind>();
    const families = this.#isOllama ? await this.#readFamilies(context) : new Map<string, ModelKind>();
    for (const listed of this.lists.read(body.data, ListedModel)) {
      const { id } = listed;
      const told = toldKind(listed) ?? families.get(id);
      if (/^[\x21-\x7e]+$/.test(id)) kinds.set(id, kindOf(id, { overrides: this.#kinds, told }));
      else this.lists.skip(id, 'its name has blanks or letters that an address cannot hold');
    }
    this.#known = { at: this.#now(), kinds };
    return kinds;
  }

  /** Ollama tells the family of a model beside OpenAI's list, and only there. */
  async #readFamilies(context: ProviderContext): Promise<Map<string, ModelKind>> {
    const base = (context.baseUrl ?? this.#base).replace(/\/v1\/?$/, '');
    try {
      const { body } = await this.client.read(OllamaTags, { url: `${base}/api/tags` }, context);
      return new Map(
        body.models.flatMap(({ name, details }) => (isEmbeddingFamily(details) ? [[name, 'embedding']] : [])),
      );
    } catch (error) {
      if (error instanceof AppError) return new Map();
      throw error;
    }
  }

  /** Of one model on its way to the server: the list is asked again where it was not read lately. */
  async #kindFor(id: string, context: ProviderContext): Promise<ModelKind> {
    const isFresh = this.#known !== undefined && this.#now() - this.#known.at < kindsFreshMs;
    if (!isFresh) {
      await this.#readKinds(context).catch((error: unknown) => {
        if (!(error instanceof AppError)) throw error;
      });
    }
    return this.#knownKind(id);
  }

  #knownKind(id: string): ModelKind {
    return kindOf(id, { overrides: this.#kinds, told: this.#known?.kinds.get(id) });
  }

  quote(): Quote {
    if (this.#isFree) {
      return { currency: 'USD', min: 0, max: 0, exact: true, unpriced_inputs: [], basis: 'per_request' };
    }
    return { currency: 'USD', exact: false, unpriced_inputs: [], basis: 'unknown' };
  }

  /** An answer that broke off has used tokens; a server of one's own charges nothing. */
  mayCostUntold({ status }: JobEnd): boolean {
    return !this.#isFree && (status === 'failed' || status === 'cancelled');
  }

  async submit(
    request: SubmitRequest,
    context: ProviderContext,
  ): Promise<{ handle: JobHandle; view: JobView }> {
    const kind = await beforeSubmit(() => this.#kindFor(request.nativeId, context));
    if (kind === 'none')
      throw new AppError('model_not_found', `${this.title} has no model of this name to run.`);
    if (kind === 'video') return submitVideo(this.client, request, context);
    // The call outlives this submit: it ends with its own signal and not with the submit's.
    return this.#held.start(
      request.runId,
      ({ report, ...own }) =>
        calls[kind]({ client: this.client, request, context: { ...context, ...own }, report }),
      context,
    );
  }

  async poll(handle: JobHandle, context: ProviderContext): Promise<JobView> {
    return handle.kind === 'video' ? pollVideo(this.client, handle, context) : this.#held.poll(handle);
  }

  async *watch(handle: JobHandle, context: ProviderContext): AsyncIterable<JobView> {
    if (handle.kind !== 'video') yield* this.#held.watch(handle, context);
  }

  async cancel(handle: JobHandle): Promise<CancelResult> {
    if (handle.kind === 'video') return 'unsupported';
    const result = this.#held.cancel(handle);
    // The line is cut; what the platform still does and charges, it does not say.
    return result === 'confirmed' ? 'requested' : result;
  }

  /** Videos are kept there; of everything else nothing can be asked for by an id. */
  async deletePayload({ kind, id }: JobHandle, context: ProviderContext): Promise<void> {
    if (kind !== 'video') return;
    const call = {
      method: 'DELETE',
      path: `/videos/${encodeURIComponent(String(id))}`,
      accept: [404],
    } as const;
    await this.client.change(z.unknown(), call, context);
  }

  async recover({ runId }: { runId: string }): Promise<Recovery> {
    return this.#held.recover(runId);
  }

  forget(handle: JobHandle): void {
    this.#held.forget(handle);
  }

  jobsOf(nativeId: string, handle?: JobHandle): 'remote' | 'process' {
    if (handle !== undefined) return handle.kind === 'video' ? 'remote' : 'process';
    return this.#knownKind(nativeId) === 'video' ? 'remote' : 'process';
  }

  async probe(context: ProviderContext): Promise<Probe> {
    return probeWith(() => this.client.read(ModelList, { path: '/models' }, context));
  }

  override async close(): Promise<void> {
    this.#held.close();
    await super.close();
  }
}
