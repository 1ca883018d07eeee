import { createHash } from 'node:crypto';
import { AppError, type Quote } from '@inferry/contracts';
import type { AdapterOptions } from '../definition.ts';
import { HeldCalls, PlatformAdapter, probeWith } from '../http/index.ts';
import type {
  CancelResult,
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
import { kindOf, type ModelKind, parseKinds } from './model-kinds.ts';
import { toModel } from './models.ts';
import { pollVideo, submitVideo } from './videos.ts';
import { ModelList } from './wire.ts';

type HeldKind = Exclude<ModelKind, 'video' | 'none'>;

const calls: Readonly<Record<HeldKind, (call: OpenAiCall) => Promise<JobView>>> = {
  chat,
  image: images,
  speech,
  transcription,
  embedding: embeddings,
};

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

  constructor(options: AdapterOptions) {
    super(options, {
      rule: failureRule,
    });
    const { settings } = options;
    this.#isFree = freeSlugs.has(this.slug);
    this.#kinds = parseKinds(settings.OPENAI_MODEL_KINDS);
    this.#held = new HeldCalls({ title: this.title });
  }

  async listModels(context: ProviderContext, etag?: string): ReturnType<Provider['listModels']> {
    const { body } = await this.client.read(ModelList, { path: '/models' }, context);
    const ids = [...new Set(body.data.map(({ id }) => id))].filter((id) => /^[\x21-\x7e]+$/.test(id)).sort();
    const now = createHash('sha256').update(JSON.stringify(ids)).digest('base64url');
    if (etag === now) return 'unchanged';
    const models = ids.flatMap((id) => {
      const kind = kindOf(id, this.#kinds);
      return kind === 'none' ? [] : [toModel(id, { kind, owner: this.slug, isFree: this.#isFree })];
    });
    return { etag: now, models };
  }

  quote(): Quote {
    if (this.#isFree) {
      return { currency: 'USD', min: 0, max: 0, exact: true, unpriced_inputs: [], basis: 'per_request' };
    }
    return { currency: 'USD', exact: false, unpriced_inputs: [], basis: 'unknown' };
  }

  async submit(
    request: SubmitRequest,
    context: ProviderContext,
  ): Promise<{ handle: JobHandle; view: JobView }> {
    const kind = kindOf(request.nativeId, this.#kinds);
    if (kind === 'none')
      throw new AppError('model_not_found', `${this.title} has no model of this name to run.`);
    if (kind === 'video') return submitVideo(this.client, request, context);
    // The call outlives this submit: it ends with its own signal and not with the submit's.
    return this.#held.start(request.runId, ({ signal, report }) =>
      calls[kind]({ client: this.client, request, context: { ...context, signal }, report }),
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

  async recover({ runId }: { runId: string }): Promise<Recovery> {
    return this.#held.recover(runId);
  }

  jobsOf(nativeId: string): 'remote' | 'process' {
    return kindOf(nativeId, this.#kinds) === 'video' ? 'remote' : 'process';
  }

  async probe(context: ProviderContext): Promise<Probe> {
    return probeWith(() => this.client.read(ModelList, { path: '/models' }, context));
  }

  override async close(): Promise<void> {
    this.#held.close();
    await super.close();
  }
}
