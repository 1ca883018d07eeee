import { AppError, isObject } from '@inferry/contracts';
import { beforeSubmit } from '../errors/index.ts';
import type { PlatformClient } from '../http/index.ts';
import type { ProviderContext } from '../provider.ts';
import { ResolvedSchema } from './wire.ts';

/** As long as the platform's own server keeps them (RWD-02). */
const freshMs = 300_000;
const maxModels = 2_000;

/** The schemas of models: public, read without a key, and kept for five minutes. */
export class Schemas {
  readonly #client: PlatformClient;
  readonly #now: () => number;
  readonly #known = new Map<string, { at: number; schema: ResolvedSchema }>();

  constructor(client: PlatformClient, now: () => number) {
    this.#client = client;
    this.#now = now;
  }

  async of(air: string, context: ProviderContext): Promise<ResolvedSchema> {
    const known = this.#known.get(air);
    if (known !== undefined && this.#now() - known.at < freshMs) return known.schema;
    const call = {
      base: 'schemas',
      path: `/resolve/${encodeURIComponent(air)}`,
      isKeyless: true,
      integers: 'number',
    } as const;
    const { body } = await this.#client.read(ResolvedSchema, call, context);
    if (this.#known.size >= maxModels) this.#known.clear();
    this.#known.set(air, { at: this.#now(), schema: body });
    return body;
  }

  /** What a model does: a constant of its schema; for a model without one it has to be said. */
  async taskTypeOf(air: string, wanted: unknown, context: ProviderContext): Promise<string> {
    if (typeof wanted === 'string' && /^[A-Za-z0-9]{2,60}$/.test(wanted)) return wanted;
    const schema = await beforeSubmit(() => this.of(air, context));
    const found = taskTypeIn(schema);
    if (found !== undefined) return found;
    throw new AppError('validation_failed', 'The schema of this model does not say what its task is.', {
      nextAction: 'Say it in options.task_type, such as imageInference.',
    });
  }
}

export function taskTypeIn({ requestSchema }: ResolvedSchema): string | undefined {
  const properties = isObject(requestSchema.properties) ? requestSchema.properties : {};
  const taskType = isObject(properties.taskType) ? properties.taskType : {};
  const [only] = Array.isArray(taskType.enum) ? taskType.enum : [];
  const found = taskType.const ?? only;
  return typeof found === 'string' ? found : undefined;
}
