import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Budget, estimateCost, getModel, type JsonObject, readBudgets } from '@inferry/contracts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fake, startReady, textOf } from '../testing/catalog-calls.ts';
import { type CatalogWorld, openCatalogWorld } from '../testing/start-catalog.ts';

let world: CatalogWorld;
beforeEach(async () => {
  world = await openCatalogWorld();
});
afterEach(async () => {
  await world.close();
});

describe('estimate_cost', () => {
  function serveBudgets(budgets: Budget[]): void {
    // Whoever owns the budgets is another service: this one only asks.
    const owner = world.busOf('inference-poller');
    owner.serve(readBudgets, async () => ({ budgets }));
  }

  it('multiplies an exact quote by the count', async () => {
    const replica = await startReady(world, [fake('p', 'a')]);

    const { structuredContent } = await replica.tool(estimateCost, {
      model: 'p/a',
      input: { prompt: 'x', count: 3 },
      count: 10,
    });

    expect(structuredContent).toEqual({
      currency: 'USD',
      exact: true,
      unpriced_inputs: [],
      basis: 'per_image',
      kind: 'exact',
      min: 0.3,
      max: 0.3,
      allowed: true,
    });
  });

  it('goes by the price that the operator gives a model, by an expression or a table', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'catalog-prices-'));
    const catalogFile = join(folder, 'catalog.json');
    const models = {
      'p/a': { price: { expression: '0.5 * count + (prompt == "x" ? 1 : 0)', currency: 'EUR' } },
      'p/b': { price: { table: [{ configuration: '1024x1024', amount: 0.7 }] } },
    };
    writeFileSync(catalogFile, JSON.stringify({ models }));
    const replica = await startReady(world, [fake('p', 'a', 'b')], { catalogFile });
    const estimateOf = async (args: JsonObject) => (await replica.tool(estimateCost, args)).structuredContent;

    const input = { prompt: 'x', count: 3 };
    expect(await estimateOf({ model: 'p/a', input })).toMatchObject({
      ...{ currency: 'EUR', min: 2.5, max: 2.5, kind: 'exact' },
    });
    expect(await replica.prepare('p/a', input)).toMatchObject({ quote: { max: 2.5, currency: 'EUR' } });
    expect(await estimateOf({ model: 'p/b', input: { prompt: 'x' } })).toMatchObject({
      kind: 'floor',
      min: 0.7,
    });
    const { structuredContent } = await replica.tool(getModel, { model: 'p/a', sections: ['pricing'] });
    expect(structuredContent).toMatchObject({ pricing: { overview: models['p/a'].price.expression } });
    rmSync(folder, { recursive: true });
  });

  it('spans the choices that are open when there is no input', async () => {
    const replica = await startReady(world, [fake('p', 'a')]);

    const { structuredContent } = await replica.tool(estimateCost, { model: 'p/a' });

    expect(structuredContent).toMatchObject({
      min: 0.01,
      max: 0.4,
      exact: false,
      unpriced_inputs: ['prompt'],
    });
    expect(structuredContent).not.toHaveProperty('allowed');
    expect(structuredContent).not.toHaveProperty('validation');
  });

  it('names what is wrong with an input and spans the prices that it may still have', async () => {
    const replica = await startReady(world, [fake('p', 'a')]);

    const result = await replica.tool(estimateCost, { model: 'p/a', input: { prompt: 'x', count: 99 } });

    expect(result.structuredContent).toMatchObject({
      min: 0.01,
      max: 0.04,
      exact: false,
      unpriced_inputs: ['count'],
      validation: [{ path: 'count', message: 'is too large', hint: '1 to 4' }],
      allowed: false,
    });
    expect(textOf(result)).toContain('count: is too large (1 to 4)');
  });

  it('tells what the tightest budget of the same currency leaves, and refuses what exceeds it', async () => {
    serveBudgets([
      { scope: 'subject', currency: 'USD', limit: 10, spent: 1, reserved: 1 },
      { scope: 'subject', currency: 'USD', limit: 1, spent: 0.5, reserved: 0.25 },
      { scope: 'subject', currency: 'EUR', limit: 0.01, spent: 0, reserved: 0 },
    ]);
    const replica = await startReady(world, [fake('p', 'a')]);
    const estimate = (count: number) =>
      replica.tool(estimateCost, { model: 'p/a', input: { prompt: 'x' }, count });

    expect((await estimate(25)).structuredContent).toMatchObject({ budget_left: 0.25, allowed: true });
    expect((await estimate(26)).structuredContent).toMatchObject({ budget_left: 0.25, allowed: false });
  });

  it('has one run quoted as prepare_run would read it, and nothing that is not valid', async () => {
    const asked: unknown[] = [];
    const quote = { quote_id: 'quote_x', expires_at: '2031-01-01T00:00:00.000Z' };
    world.busOf('inference-poller').serve(readBudgets, async ({ quoted }) => {
      asked.push(quoted);
      return { budgets: [], ...(quoted && { quote }) };
    });
    const replica = await startReady(world, [fake('p', 'a')]);
    const input = { prompt: 'x', count: '3', image: 'asset_a' };
    const estimate = async (args: Record<string, unknown>) =>
      await replica.tool(estimateCost, { model: 'p/a', count: 10, ...args });

    const valid = await estimate({ input });
    const others = [await estimate({}), await estimate({ input: { count: 99 } })];

    const prepared = await replica.prepare('a', input);
    expect(asked[0]).toEqual({ model: prepared.model, input: prepared.input, quote: prepared.quote });
    expect(asked.slice(1)).toEqual([undefined, undefined]);
    expect(valid.structuredContent).toMatchObject({ quote_id: 'quote_x', kind: 'exact', max: 0.3 });
    expect(textOf(valid)).toContain('quote_id="quote_x" holds one run to this price until 2031-01-01');
    for (const { structuredContent } of others) expect(structuredContent).not.toHaveProperty('quote_id');
  });

  it('leaves the budget out when nobody answers for it', async () => {
    const replica = await startReady(world, [fake('p', 'a')]);

    const { structuredContent } = await replica.tool(estimateCost, { model: 'p/a', input: { prompt: 'x' } });

    expect(structuredContent).not.toHaveProperty('budget_left');
    expect(structuredContent.allowed).toBe(true);
  });

  it('says that a run would be refused while the provider is not connected', async () => {
    const provider = fake('p', 'a');
    provider.isReady = false;
    const replica = await startReady(world, [provider]);

    const { structuredContent } = await replica.tool(estimateCost, { model: 'p/a', input: { prompt: 'x' } });

    expect(structuredContent).toMatchObject({ min: 0.01, allowed: false });
  });
});
