/** What models take and do, as the platform publishes it without a key; each answer is kept for five minutes. */
import { AppError, isObject, validationFailed } from '@inferry/contracts';
import { z } from 'zod';
import type { PlatformClient } from '../http/index.ts';
import { malformed } from '../http/read-answer.ts';
import type { ProviderContext } from '../provider.ts';
import { Registry, ResolvedSchema } from './wire.ts';

/** As long as the platform's own server keeps them (RWD-02). */
const freshMs = 300_000;
const maxModels = 2_000;
const noSchema: ResolvedSchema = { requestSchema: null };
export const taskTypePattern = /^[A-Za-z0-9]{2,60}$/;

export class Schemas {
  readonly #client: PlatformClient;
  readonly #now: () => number;
  readonly #known = new Map<string, { at: number; schema: ResolvedSchema }>();
  #registry: { at: number; registry: Registry } | undefined;

  constructor(client: PlatformClient, now: () => number) {
    this.#client = client;
    this.#now = now;
  }

  /** By AIR or slug; without a schema where the platform has none for it. */
  async of(model: string, context: ProviderContext): Promise<ResolvedSchema> {
    const known = this.#known.get(model);
    if (known !== undefined && this.#now() - known.at < freshMs) return known.schema;
    const { status, body } = await this.#client.read(
      z.unknown(),
      {
        base: 'schemas',
        path: `/resolve/${encodeURIComponent(model)}`,
        isKeyless: true,
        integers: 'number',
        accept: [404],
      },
      context,
    );
    const schema = status === 404 ? noSchema : readResolved(body, status);
    if (this.#known.size >= maxModels) this.#known.clear();
    this.#known.set(model, { at: this.#now(), schema });
    return schema;
  }

  /**
   * What a model does: as the caller says, as its schema or the registry does, else what its architecture is for, which
   * `architectureOf` finds out where nothing else helps.
   */
  async taskTypeOf(
    model: string,
    wanted: unknown,
    about: { context: ProviderContext; architectureOf(): Promise<string | undefined> },
  ): Promise<string> {
    if (typeof wanted === 'string' && taskTypePattern.test(wanted)) return wanted;
    const { context, architectureOf } = about;
    const found =
      (await this.#findTaskType(model, context)) ??
      (await this.#taskTypeOfArchitecture(await architectureOf(), context));
    if (found !== undefined) return found;
    throw validationFailed(model.slice(0, 100), [
      {
        path: 'options.task_type',
        message: 'is required: nothing else says what kind of task this model is for',
        hint: 'such as imageInference',
      },
    ]);
  }

  /** A constant of its schema, else what the registry knows it for. */
  async #findTaskType(model: string, context: ProviderContext): Promise<string | undefined> {
    const said = taskTypeIn(await this.of(model, context));
    if (said !== undefined) return said;
    const known = (await this.#registered(context)).models[model]?.taskType;
    return typeof known === 'string' && taskTypePattern.test(known) ? known : undefined;
  }

  /** What weights of an architecture are for. */
  async #taskTypeOfArchitecture(
    architecture: string | undefined,
    context: ProviderContext,
  ): Promise<string | undefined> {
    if (architecture === undefined) return undefined;
    const known = (await this.#registered(context)).architectureTaskTypes;
    const found = Object.hasOwn(known, architecture) ? known[architecture] : undefined;
    return found !== undefined && taskTypePattern.test(found) ? found : undefined;
  }

  /** Without it a model is known by its schema alone. */
  async #registered(context: ProviderContext): Promise<Registry> {
    const known = this.#registry;
    if (known !== undefined && this.#now() - known.at < freshMs) return known.registry;
    const call = { base: 'schemas', path: '/registry.json', isKeyless: true } as const;
    try {
      const { body } = await this.#client.read(Registry, call, context);
      this.#registry = { at: this.#now(), registry: body };
      return body;
    } catch (error) {
      if (error instanceof AppError) return known?.registry ?? { models: {}, architectureTaskTypes: {} };
      throw error;
    }
  }
}

function readResolved(body: unknown, status: number): ResolvedSchema {
  const parsed = ResolvedSchema.safeParse(body);
  if (parsed.success) return parsed.data;
  throw malformed('Runware', status, parsed.error);
}

export function taskTypeIn({ requestSchema }: ResolvedSchema): string | undefined {
  const properties = isObject(requestSchema?.properties) ? requestSchema.properties : {};
  const taskType = isObject(properties.taskType) ? properties.taskType : {};
  const [only] = Array.isArray(taskType.enum) ? taskType.enum : [];
  const found = taskType.const ?? only;
  return typeof found === 'string' ? found : undefined;
}
