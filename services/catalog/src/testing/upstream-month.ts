import type { ProviderModel } from '@inferry/providers';
import { generateModels } from './generate-models.ts';

export const monthKinds = [
  'schema',
  'price',
  'deletion',
  'addition',
  'rename',
  'flap',
  'offline',
  'outage',
  'empty',
  'half',
  'duplicates',
  'malformed',
  'nothing',
] as const;
export type MonthKind = (typeof monthKinds)[number];

/** What one provider answers from a moment on. */
export interface MonthStep {
  /** Milliseconds since the month began. */
  atMs: number;
  provider: string;
  kind: MonthKind;
  /** Undefined: it does not answer. Entries may be malformed or there twice. */
  list: unknown[] | undefined;
}

export interface UpstreamMonth {
  /** What each provider lists before the first step. */
  start: ReadonlyMap<string, ProviderModel[]>;
  steps: readonly MonthStep[];
}

const hour = 3_600_000;
const stepsPerDay = 4;
const modelsEach = 40;

/** A month of changes at three platforms: the same one for the same seed. */
export function upstreamMonth(seed: number): UpstreamMonth {
  const random = createRandom(seed);
  const providers = ['alpha', 'beta', 'gamma'];
  const current = new Map(
    providers.map((slug, at) => [
      slug,
      generateModels(modelsEach * 3)
        .slice(at * modelsEach)
        .slice(0, modelsEach),
    ]),
  );
  const start = new Map([...current].map(([slug, models]) => [slug, [...models]]));
  const steps: MonthStep[] = [];
  for (let number = 0; number < 30 * stepsPerDay; number++) {
    const provider = pick(providers, random);
    // The first ones in turn, so that a month has each of them.
    const kind = monthKinds[number] ?? pick(monthKinds, random);
    const models = current.get(provider) ?? [];
    const { next, list } = change(kind, models, { random, number });
    current.set(provider, next);
    steps.push({ atMs: (number * 24 * hour) / stepsPerDay, provider, kind, list });
  }
  return { start, steps };
}

interface Moment {
  random(): number;
  number: number;
}

/** The provider's models after it, and what its list says now. */
function change(
  kind: MonthKind,
  models: readonly ProviderModel[],
  { random, number }: Moment,
): { next: ProviderModel[]; list: unknown[] | undefined } {
  const at = Math.floor(random() * models.length);
  const model = models[at];
  if (model === undefined) return same([...models]);
  const replaced = (by: ProviderModel) => same(models.map((each, index) => (index === at ? by : each)));
  switch (kind) {
    case 'schema':
      return replaced({ ...model, inputSchema: withField(model.inputSchema, `field_${number}`) });
    case 'price':
      return replaced({ ...model, price: { ...model.price, text: `$${number} an image`, amount: number } });
    case 'offline':
      return replaced({ ...model, isLive: !model.isLive });
    case 'rename':
      return replaced({
        ...model,
        nativeId: `${model.nativeId}-v${number}`,
        title: `${model.title} v${number}`,
      });
    case 'deletion':
      return same(models.filter((_, index) => index !== at));
    case 'addition':
      return same([...models, { ...model, nativeId: `new/${number}`, title: `New ${number}` }]);
    case 'flap':
      return { next: [...models], list: models.filter((_, index) => index !== at) };
    case 'outage':
      return { next: [...models], list: undefined };
    case 'empty':
      return { next: [...models], list: [] };
    case 'half':
      return { next: [...models], list: models.slice(0, Math.floor(models.length / 3)) };
    case 'duplicates':
      return { next: [...models], list: [...models, { ...model, title: 'The same again' }] };
    case 'malformed':
      return {
        next: [...models],
        list: models.map((each, index) => (index === at ? { ...each, title: 7 } : each)),
      };
    default:
      return same([...models]);
  }
}

function same(models: ProviderModel[]): { next: ProviderModel[]; list: unknown[] } {
  return { next: models, list: models };
}

function withField(schema: ProviderModel['inputSchema'], name: string): ProviderModel['inputSchema'] {
  // as: generated above as an object with properties.
  const properties = schema.properties as Record<string, unknown>;
  return { ...schema, properties: { ...properties, [name]: { type: 'string' } } };
}

function pick<T>(items: readonly T[], random: () => number): T {
  const item = items[Math.floor(random() * items.length)];
  if (item === undefined) throw new Error('There is nothing to choose from.');
  return item;
}

/** mulberry32: small, and the same on every machine. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
