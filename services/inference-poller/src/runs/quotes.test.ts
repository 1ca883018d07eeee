import { type Quote, readBudgets, Secret } from '@inferry/contracts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { succeeded } from '../testing/platform.ts';
import { bob, createWorld, type World } from '../testing/world.ts';
import { createQuotes, holdToQuote } from './quotes.ts';

const ttlMs = 600_000;

describe('a run that names a quote', () => {
  let world: World;
  beforeEach(async () => {
    world = await createWorld();
    await world.addReplica();
  });
  afterEach(() => world.close());

  async function quoteOf(args: Record<string, unknown> = {}): Promise<string> {
    const { quote } = await world.run({ dry_run: true, ...args });
    // as: the reply of a dry run.
    return (quote as { quote_id: string }).quote_id;
  }

  it('is run where the price is what was quoted, by whichever replica', async () => {
    const quoteId = await quoteOf({ input: { price: 0.5, b: 1, a: 2 } });
    await world.addReplica();
    world.platform.endsAs = succeeded();

    const { run } = await world.run({ quote_id: quoteId, input: { a: 2, b: 1, price: 0.5 } });

    expect(run).toMatchObject({ status: 'succeeded', cost: { estimated: 0.5, charged: 0.07 } });
    expect(run?.cost?.over_quote).toBeUndefined();
  });

  it('is refused when it would cost more, and nothing is sent', async () => {
    const quoteId = await quoteOf();
    world.surcharge = 0.01;

    const { error } = await world.run({ quote_id: quoteId });

    expect(error).toMatchObject({ code: 'quote_exceeded', details: { quoted: 0.5 } });
    expect(error?.message).toContain('0.5 USD');
    expect((await world.run({ quote_id: quoteId, dry_run: true })).error?.code).toBe('quote_exceeded');
    expect(world.platform.submitCount).toBe(0);
  });

  it('is run when it costs less by now', async () => {
    const quoteId = await quoteOf();
    world.surcharge = -0.1;

    expect((await world.run({ quote_id: quoteId, wait_seconds: 0 })).run?.cost?.estimated).toBe(0.4);
  });

  it('is refused with a quote of another input, model or caller, or of nobody', async () => {
    const quoteId = await quoteOf();
    const others = [
      [{ quote_id: quoteId, input: { price: 0.4 } }, {}],
      [{ quote_id: quoteId, model: 'scripted/other' }, {}],
      [{ quote_id: quoteId }, { principal: bob }],
      [{ quote_id: `${quoteId.slice(0, -2)}AA` }, {}],
      [{ quote_id: 'quote_' }, {}],
      [{ quote_id: 'x' }, {}],
    ] as const;

    for (const [args, settings] of others) {
      expect((await world.run(args, settings)).error?.code, JSON.stringify(args)).toBe('quote_invalid');
    }
    expect(world.platform.submitCount).toBe(0);
  });

  it('is refused when its minutes are over, while what was started by it stays that run', async () => {
    const quoteId = await quoteOf();
    const args = { quote_id: quoteId, client_ref: 'a', wait_seconds: 0 };
    const { run } = await world.run(args);
    world.skipped += ttlMs + 2_000;

    expect((await world.run({ quote_id: quoteId })).error?.code).toBe('quote_expired');
    expect((await world.run(args)).run?.run_id).toBe(run?.run_id);
  });

  it('tells of a platform that charges more than the quote said', async () => {
    const quoteId = await quoteOf();
    world.platform.endsAs = succeeded('', { charged: { amount: 0.62, currency: 'USD' } });

    const { run, text } = await world.run({ quote_id: quoteId });
    const unquoted = await world.run();

    expect(run?.cost).toEqual({ currency: 'USD', estimated: 0.5, charged: 0.62, over_quote: 0.12 });
    expect(text).toContain('$0.62, $0.12 more than was quoted');
    expect((await world.get(run?.run_id ?? '')).run?.cost?.over_quote).toBe(0.12);
    expect(unquoted.run?.cost?.over_quote).toBeUndefined();
  });

  it('has one that the catalog asked for', async () => {
    const { quote } = await world.run({ dry_run: true });
    // as: the reply of a dry run.
    const { quote_id: _, kind: __, ...plain } = quote as Quote & { quote_id: string; kind: string };
    const quoted = { model: 'scripted/model', input: {}, quote: plain };

    const answer = await world.ask(readBudgets, { quoted });

    expect(
      (await world.run({ quote_id: answer.quote?.quote_id, wait_seconds: 0 })).run?.status,
    ).toBeDefined();
    expect(Date.parse(answer.quote?.expires_at ?? '')).toBeGreaterThan(Date.now());
  });
});

describe('a quote', () => {
  const quotes = createQuotes({ secret: new Secret('s'), ttlMs, now: () => 1_000_000 });
  const of = (quote: Partial<Quote>): Quote => ({
    ...{ currency: 'USD', exact: false, unpriced_inputs: [], basis: 'unknown' },
    ...quote,
  });

  function held(quote: Partial<Quote>, now: Partial<Quote>): string {
    const quoted = { model: 'm', input: {}, quote: of(quote) };
    const price = quotes.read('ada', quotes.sign('ada', quoted)?.quote_id ?? '', quoted);
    try {
      holdToQuote(price, of(now));
      return price.kind;
    } catch (error) {
      return `${price.kind}: ${String(error)}`;
    }
  }

  it.each<{ kind: string; quote: Partial<Quote>; kept: Partial<Quote>; broken: Partial<Quote> }>([
    { kind: 'exact', quote: { max: 2, exact: true }, kept: { max: 2 }, broken: { max: 2.000001 } },
    {
      kind: 'range',
      quote: { min: 1, max: 1_234_567_890.123456 },
      kept: { max: 1_234_567_890 },
      broken: { min: 1 },
    },
    { kind: 'floor', quote: { min: 1 }, kept: { min: 1 }, broken: { min: 1.1 } },
    { kind: 'floor', quote: { min: 1 }, kept: { min: 0.5, max: 9 }, broken: { min: 2, max: 3 } },
  ])('holds to what it knew: $quote', ({ kind, quote, kept, broken }) => {
    expect(held(quote, kept)).toBe(kind);
    expect(held(quote, broken)).toContain(`${kind}: AppError`);
  });

  it('of an unknown price holds to nothing', () => {
    expect(held({}, { max: 100 })).toBe('unknown');
  });

  it('is short, and made by whoever has the secret', () => {
    const quoted = { model: 'm', input: {}, quote: of({ max: 1 }) };
    const id = quotes.sign('ada', quoted)?.quote_id ?? '';

    expect(id.length).toBeLessThan(50);
    const others = createQuotes({ secret: new Secret('t'), ttlMs, now: () => 0 });
    expect(() => others.read('ada', id, quoted)).toThrow(expect.objectContaining({ code: 'quote_invalid' }));
    const none = createQuotes({ secret: undefined, ttlMs, now: () => 0 });
    expect(none.sign('ada', quoted)).toBeUndefined();
  });
});
