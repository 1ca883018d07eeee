import { AppError, type Quote } from '@inferry/contracts';
import type { AdapterOptions } from '../definition.ts';
import { beforeSubmit } from '../errors/index.ts';
import { HeldCalls, type HeldWork, PlatformAdapter, probeWith } from '../http/index.ts';
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
import { splitList } from '../split-list.ts';
import { choose, listServed, readHubModel, type Served, servedBy } from './catalog.ts';
import { routedChat } from './chat-route.ts';
import { ownRoute, togetherRoute } from './direct-routes.ts';
import { failureRule } from './failure-rule.ts';
import { replicateRoute, waveSpeedRoute } from './prediction-routes.ts';
import { queueRoute } from './queue-route.ts';
import type { Route } from './route.ts';
import { etagOf } from './tasks.ts';
import { WhoAmI } from './wire.ts';

/** Chat is one surface for whoever serves it. */
const chatOnly: Route = { tasks: ['conversational'] };

/** In the order of preference. */
const routes: Readonly<Record<string, Route>> = {
  'fal-ai': queueRoute,
  replicate: replicateRoute,
  wavespeed: waveSpeedRoute,
  together: { ...togetherRoute, tasks: [...togetherRoute.tasks, 'conversational'] },
  'hf-inference': { ...ownRoute, tasks: [...ownRoute.tasks, 'conversational'] },
  cerebras: chatOnly,
  cohere: chatOnly,
  deepinfra: chatOnly,
  'fireworks-ai': chatOnly,
  groq: chatOnly,
  hyperbolic: chatOnly,
  nebius: chatOnly,
  novita: chatOnly,
  nscale: chatOnly,
  sambanova: chatOnly,
};

const mappingTtlMs = 600_000;
const maxMappings = 1_000;

/** Hugging Face as a router: it has no jobs of its own, but those of whoever serves the model. */
export function createHuggingFaceProvider(options: AdapterOptions): Provider {
  return new HuggingFaceProvider(options);
}

class HuggingFaceProvider extends PlatformAdapter implements Provider {
  readonly #held: HeldCalls;
  readonly #named: readonly string[];
  readonly #now: () => number;
  /** What the hub said of a model lately. */
  readonly #served = new Map<string, { at: number; served: Served[] }>();

  constructor(options: AdapterOptions) {
    super(options, {
      rule: failureRule,
      headers:
        options.settings.HF_BILL_TO === undefined ? {} : { 'x-hf-bill-to': options.settings.HF_BILL_TO },
    });
    const { settings, now } = options;
    this.#now = now;
    this.#named = splitList(settings.HUGGINGFACE_MODELS);
    this.#held = new HeldCalls({ title: this.title, deadlineMs: options.maxCallMs });
  }

  async listModels(context: ProviderContext, etag?: string): ReturnType<Provider['listModels']> {
    const models = await listServed(this.client, context, { routes, named: this.#named, lists: this.lists });
    const now = etagOf(models);
    return etag === now ? 'unchanged' : { etag: now, models };
  }

  quote(): Quote {
    return { currency: 'USD', exact: false, unpriced_inputs: [], basis: 'unknown' };
  }

  /** Whether whoever served it charges a failure is theirs to say, and nobody does. */
  mayCostUntold({ status }: JobEnd): boolean {
    return status === 'failed' || status === 'cancelled';
  }

  async submit(
    request: SubmitRequest,
    context: ProviderContext,
  ): Promise<{ handle: JobHandle; view: JobView }> {
    const served = choose(
      await beforeSubmit(() => this.#servedOf(request.nativeId, context)),
      request.options.provider,
    );
    const route = routes[served.provider];
    const run = { ...served, client: this.client, input: request.input };
    if (served.task !== 'conversational' && route?.submit !== undefined)
      return route.submit({ ...run, context });
    const call: HeldWork = async ({ report, ...own }) => {
      const held = { ...context, ...own };
      if (served.task === 'conversational') {
        return routedChat({ client: this.client, request, context: held, report }, served);
      }
      if (route?.call === undefined)
        throw new AppError('model_not_found', `${this.title} cannot run this model.`);
      return route.call({ ...run, context: held });
    };
    return this.#held.start(request.runId, call, context);
  }

  async poll(handle: JobHandle, context: ProviderContext): Promise<JobView> {
    const route = typeof handle.route === 'string' ? routes[handle.route] : undefined;
    if (route?.poll === undefined) return this.#held.poll(handle);
    try {
      return await route.poll(handle, this.client, context);
    } catch (error) {
      if (error instanceof AppError && error.upstreamStatus === 404) {
        return { status: 'not_found', upstreamStatus: 'not found' };
      }
      throw error;
    }
  }

  async *watch(handle: JobHandle, context: ProviderContext): AsyncIterable<JobView> {
    if (handle.route === undefined) yield* this.#held.watch(handle, context);
  }

  async cancel(handle: JobHandle): Promise<CancelResult> {
    // The router passes no cancel on.
    if (handle.route !== undefined) return 'unsupported';
    const result = this.#held.cancel(handle);
    return result === 'confirmed' ? 'requested' : result;
  }

  async recover({ runId }: { runId: string }): Promise<Recovery> {
    return this.#held.recover(runId);
  }

  forget(handle: JobHandle): void {
    this.#held.forget(handle);
  }

  jobsOf(_nativeId: string, handle?: JobHandle): 'remote' | 'process' {
    return handle === undefined || handle.route === undefined ? 'process' : 'remote';
  }

  async probe(context: ProviderContext): Promise<Probe> {
    let account: string | undefined;
    const probe = await probeWith(async () => {
      const { body } = await this.client.read(WhoAmI, { base: 'hub', path: '/api/whoami-v2' }, context);
      account = body.name;
    });
    return { ...probe, ...(account === undefined ? {} : { account }) };
  }

  override async close(): Promise<void> {
    this.#held.close();
    await super.close();
  }

  async #servedOf(id: string, context: ProviderContext): Promise<Served[]> {
    const known = this.#served.get(id);
    if (known !== undefined && this.#now() - known.at < mappingTtlMs) return known.served;
    const { inferenceProviderMapping } = await readHubModel(this.client, id, context);
    const served = servedBy(inferenceProviderMapping ?? {}, routes);
    if (this.#served.size >= maxMappings) this.#served.clear();
    this.#served.set(id, { at: this.#now(), served });
    return served;
  }
}
