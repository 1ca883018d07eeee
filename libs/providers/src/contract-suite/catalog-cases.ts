import { isObject, unportableKeywords } from '@inferry/contracts';
import { expect } from 'vitest';
import type { ProviderModel } from '../provider.ts';
import type { CaseTable } from './submit-cases.ts';
import type { World } from './world.ts';

/** What a platform says without running anything. */
export const catalogCases: CaseTable = {
  async lists_models(world) {
    const first = await world.provider.listModels(world.context());
    if (first === 'unchanged') throw new Error('nothing was listed before');

    const again = await world.provider.listModels(world.context(), first.etag);

    expect(first.models.length).toBeGreaterThan(0);
    for (const model of first.models) expectPresentable(model);
    expect(new Set(first.models.map(({ nativeId }) => nativeId)).size).toBe(first.models.length);
    expect(again).toBe('unchanged');
  },

  async describes_model(world) {
    const { nativeId } = world.subject.samples.happy;

    const model = await world.provider.describeModel?.(nativeId, world.context());

    expect(model?.nativeId).toBe(nativeId);
    expect(model?.schemaState ?? 'full').toBe('full');
    expect(isObject(model?.inputSchema.properties)).toBe(true);
    if (model !== undefined) expectPresentable(model);
  },

  async probes_key(world) {
    const good = await world.provider.probe?.(world.context());
    const bad = await world.provider.probe?.(world.context(world.emulator.keys.revoked));

    expect(good?.outcome).toBe('ok');
    expect(bad?.outcome).toBe('rejected');
    expect(world.submissions()).toBe(0);
  },

  async reads_balance(world) {
    const balance = await world.provider.balance?.(world.context());

    expect(balance?.amount).toBeGreaterThanOrEqual(0);
    expect(balance?.currency).toMatch(/^[A-Za-z]{3,20}$/);
  },

  async quotes(world) {
    const model = await modelOf(world);

    const quote = world.provider.quote(model, world.subject.samples.happy.input);

    expect(quote.currency).toMatch(/^[A-Z]{3}$|^[a-z]+$/);
    if (quote.exact) expect(quote.max).toBe(quote.min);
    if (quote.max !== undefined) expect(quote.max).toBeGreaterThanOrEqual(quote.min ?? 0);
    expect(Array.isArray(quote.unpriced_inputs)).toBe(true);
  },
};

async function modelOf(world: World): Promise<ProviderModel> {
  const { provider } = world;
  const { nativeId } = world.subject.samples.happy;
  const described = await provider.describeModel?.(nativeId, world.context());
  if (described !== undefined) return described;
  const listed = await provider.listModels(world.context());
  const model =
    listed === 'unchanged' ? undefined : listed.models.find((entry) => entry.nativeId === nativeId);
  if (model === undefined) throw new Error(`the list has no ${nativeId}`);
  return model;
}

function expectPresentable(model: ProviderModel): void {
  expect(model.nativeId).toMatch(/^[\x21-\x7e]{1,250}$/);
  expect(model.title).not.toBe('');
  expect(model.summary).not.toContain('\n');
  expect(model.categories.length).toBeGreaterThan(0);
  for (const id of model.capabilities) expect(id).toMatch(/^(io|op|form):[a-z0-9-]+$/);
  const words = keywordsOf(model.inputSchema);
  expect(words.filter((word) => unportableKeywords.includes(word))).toEqual([]);
  if (model.schemaState !== 'summary') expect(model.inputSchema.type).toBe('object');
}

/** The keywords of a schema, and not the names of its properties. */
function keywordsOf(schema: unknown): string[] {
  if (!isObject(schema)) return [];
  const inner = isObject(schema.properties) ? Object.values(schema.properties) : [];
  return [...Object.keys(schema), ...[...inner, schema.items].flatMap(keywordsOf)];
}
