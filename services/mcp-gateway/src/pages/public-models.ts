/** The models that a deployment tells to everybody, asked for as nobody in particular and kept for a while. */
import type { Bus } from '@inferry/bus';
import {
  AppError,
  catalogChanged,
  getModel,
  type ModelSummary,
  publicPrincipal,
  Recent,
  searchModels,
  wrapperChanged,
} from '@inferry/contracts';
import type { z } from 'zod';

export type PublicModel = z.infer<typeof getModel.reply>;

export interface PublicModels {
  /** Of these platforms, or of all that are told; at most `maxListed`, and whether that is all. */
  list(providers: readonly string[] | undefined): Promise<{ items: ModelSummary[]; isWhole: boolean }>;
  /** One of them; undefined where it is none. Throws `unavailable` while too many are asked for. */
  read(id: string, providers: readonly string[] | undefined): Promise<PublicModel | undefined>;
  close(): void;
}

export interface PublicModelsParts {
  bus: Bus;
  /** Undefined: the models of every platform are told. */
  told: ReadonlySet<string> | undefined;
  now(): number;
}

const maxListed = 1_000;
const pageSize = 200;
const listedMs = 60_000;
const readMs = 60_000;
const maxRead = 500;
/** Strangers ask: whoever comes while so many are on their way comes again. */
const maxAtOnce = 8;
const timeoutMs = 10_000;
const maxChars = 20_000;
const sections = ['summary', 'inputs', 'schema', 'output_schema', 'pricing', 'examples', 'readme'] as const;
/** Answers that mean that there is no such model for everybody. */
const missing: ReadonlySet<string> = new Set([
  'model_not_found',
  'ambiguous_model',
  'provider_not_connected',
]);

interface Kept<V> {
  value: Promise<V>;
  until: number;
}

export function openPublicModels({ bus, told, now }: PublicModelsParts): PublicModels {
  const lists = new Recent<Kept<{ items: ModelSummary[]; isWhole: boolean }>>(50);
  const models = new Recent<Kept<PublicModel | undefined>>(maxRead);
  let asking = 0;
  const ask = { principal: publicPrincipal, timeoutMs };
  const isTold = (provider: string | undefined) =>
    provider !== undefined && (told === undefined || told.has(provider));

  function keep<V>(
    into: Recent<Kept<V>>,
    { key, ms }: { key: string; ms: number },
    read: () => Promise<V>,
  ): Promise<V> {
    const known = into.get(key);
    if (known !== undefined && known.until > now()) return known.value;
    if (asking >= maxAtOnce) {
      return Promise.reject(new AppError('unavailable', 'Too many ask at once.', { retryAfterSeconds: 2 }));
    }
    asking += 1;
    const value = read().finally(() => {
      asking -= 1;
    });
    into.set(key, { value, until: now() + ms });
    // What failed is asked for again by the next who comes.
    value.catch(() => into.delete(key));
    return value;
  }

  async function readList(providers: readonly string[] | undefined): Promise<ModelSummary[]> {
    const items: ModelSummary[] = [];
    for (const provider of providers ?? [undefined]) items.push(...(await readPages(provider)));
    return items.filter((item) => isTold(item.provider));
  }

  async function readPages(provider: string | undefined): Promise<ModelSummary[]> {
    const items: ModelSummary[] = [];
    const asked = { include_offline: true, whole: true, limit: pageSize, provider };
    let cursor: string | undefined;
    do {
      const found = await bus.call(searchModels, { ...asked, cursor }, ask);
      items.push(...(found.items ?? []));
      cursor = found.page?.next_cursor;
    } while (cursor !== undefined && items.length <= maxListed);
    return items;
  }

  /** The names by which a model of a mount may be meant. */
  function namesOf(id: string, providers: readonly string[] | undefined): string[] {
    if (providers === undefined) return [id];
    const own = providers.map((provider) => (id.startsWith(`${provider}/`) ? id : `${provider}/${id}`));
    return [...new Set([...providers.map((provider) => `${provider}/${id}`), ...own])];
  }

  async function readNamed(name: string): Promise<PublicModel | undefined> {
    try {
      return await bus.call(getModel, { model: name, sections: [...sections], max_chars: maxChars }, ask);
    } catch (error) {
      if (error instanceof AppError && missing.has(error.code)) return undefined;
      throw error;
    }
  }

  /** Some are found by whoever knows their name and are in no list: they are told to nobody here. */
  async function isListed({ model, kind }: ModelSummary): Promise<boolean> {
    if (kind !== 'wrapper') return true;
    const { items = [] } = await bus.call(
      searchModels,
      {
        query: model.slice(-100),
        match: 'substring',
        kind: 'wrapper',
        include_offline: true,
        limit: pageSize,
      },
      ask,
    );
    return items.some((item) => item.model === model);
  }

  async function readFirst(
    id: string,
    providers: readonly string[] | undefined,
  ): Promise<PublicModel | undefined> {
    for (const name of namesOf(id, providers)) {
      const found = await readNamed(name);
      const summary = found?.model;
      if (summary === undefined || !isTold(summary.provider)) continue;
      if (providers !== undefined && !providers.includes(summary.provider ?? '')) continue;
      if (await isListed(summary)) return found;
    }
    return undefined;
  }

  const forget = () => {
    lists.clear();
    models.clear();
  };
  const changes = [bus.on(catalogChanged, forget), bus.on(wrapperChanged, forget)];

  return {
    async list(providers) {
      if (told?.size === 0) return { items: [], isWhole: true };
      return keep(lists, { key: providers?.join() ?? '', ms: listedMs }, async () => {
        const items = await readList(providers);
        return { items: items.slice(0, maxListed), isWhole: items.length <= maxListed };
      });
    },
    async read(id, providers) {
      if (told?.size === 0) return undefined;
      return keep(models, { key: `${providers?.join() ?? ''} ${id}`, ms: readMs }, () =>
        readFirst(id, providers),
      );
    },
    close() {
      for (const change of changes) change.unsubscribe();
    },
  };
}
