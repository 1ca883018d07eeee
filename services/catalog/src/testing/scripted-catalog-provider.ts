import { AppError, type JsonObject, type Quote } from '@inferry/contracts';
import type { Provider, ProviderContext, ProviderModel } from '@inferry/providers';
import type { SkillSource } from '@inferry/skills';

export interface ScriptedCatalogOptions {
  slug: string;
  models?: ProviderModel[];
  skills?: readonly SkillSource[];
}

/** An upstream's catalog that a test sets: its models, whether it answers, and whether it can be used. */
export class ScriptedCatalogProvider implements Provider {
  readonly slug: string;
  readonly title: string;
  readonly skills: readonly SkillSource[];
  readonly capabilities: Provider['capabilities'] = {
    cancel: 'real',
    progress: 'percent',
    jobs: 'remote',
    watch: false,
    recover: true,
    inputUrls: 'public',
  };
  /** How often the list was asked for. */
  listCalls = 0;
  isReady = true;
  /** What the next lists fail with. */
  failure: AppError | undefined;
  /** While true, lists never end, whatever their signal says. */
  isHanging = false;
  #models: ProviderModel[];
  #revision = 1;

  constructor({ slug, models = [], skills = [] }: ScriptedCatalogOptions) {
    this.slug = slug;
    this.skills = skills;
    this.title = `Scripted ${slug}`;
    this.#models = models;
  }

  get models(): readonly ProviderModel[] {
    return this.#models;
  }

  set models(models: ProviderModel[]) {
    this.#models = models;
    this.#revision += 1;
  }

  ready(): { isReady: boolean; note?: string } {
    return this.isReady
      ? { isReady: true }
      : { isReady: false, note: `Set ${this.slug.toUpperCase()}_API_KEY.` };
  }

  async listModels(
    _context: ProviderContext,
    etag?: string,
  ): Promise<{ etag: string; models: ProviderModel[] } | 'unchanged'> {
    this.listCalls += 1;
    if (this.failure !== undefined) throw this.failure;
    if (this.isHanging) await new Promise(() => undefined);
    const current = `r${this.#revision}`;
    return etag === current ? 'unchanged' : { etag: current, models: this.#models };
  }

  /** One cent for each of `count`, ten times as much at `quality: high`; blind to `prompt`. */
  quote(model: ProviderModel, input: JsonObject): Quote {
    const count = typeof input.count === 'number' ? input.count : 1;
    const amount = 0.01 * count * (input.quality === 'high' ? 10 : 1);
    const { currency, basis } = model.price;
    return { currency, min: amount, max: amount, exact: true, unpriced_inputs: [], basis };
  }

  submit(): never {
    throw unused();
  }

  poll(): never {
    throw unused();
  }

  cancel(): never {
    throw unused();
  }

  recover(): never {
    throw unused();
  }

  async close(): Promise<void> {
    // There is nothing to close.
  }
}

function unused(): AppError {
  return new AppError('internal', 'The catalog starts no runs.');
}
