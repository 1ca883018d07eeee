import type { JsonObject, Problem, Quote } from '@inferry/contracts';
import { type Provider, type ProviderModel, quoteByTable, quotePrice } from '@inferry/providers';

/**
 * What an input costs. Of one that is not valid, the wrong fields are left out and named as unpriced, and the quote is
 * an estimate.
 */
export function quoteInput(
  provider: Provider,
  model: ProviderModel,
  { input, problems }: { input: JsonObject; problems: readonly Problem[] },
): Quote {
  const wrong = wrongFields(problems);
  if (wrong.length === 0 && problems.length === 0) return askProvider(provider, model, input);
  const usable = Object.fromEntries(Object.entries(input).filter(([name]) => !wrong.includes(name)));
  const quote = askProvider(provider, model, usable);
  return { ...quote, exact: false, unpriced_inputs: [...new Set([...quote.unpriced_inputs, ...wrong])] };
}

/** The top-level fields that problems are about, whether or not the input has them. */
export function wrongFields(problems: readonly Problem[]): string[] {
  const names = problems.map(({ path }) => path.split('.')[0] ?? '').filter((name) => name !== '');
  return [...new Set(names)];
}

/** Two questions each to the provider's price function. */
const maxChoicesInAll = 100;
const maxChoices = 8;

/**
 * The span of prices over the fields that are still open, for whoever has not decided: one field after the other is
 * set to what costs least and, apart from that, to what costs most.
 */
export function quoteRange(
  provider: Provider,
  model: ProviderModel,
  { input, open }: { input: JsonObject; open: readonly [string, JsonObject][] },
): Quote {
  const ask = (candidate: JsonObject): Pick => ({
    input: candidate,
    quote: askProvider(provider, model, candidate),
  });
  const start = ask(input);
  let low = start;
  let high = start;
  const choices = open.flatMap(([name, schema]) => choicesOf(schema).map((choice) => ({ [name]: choice })));
  for (const choice of choices.slice(0, maxChoicesInAll)) {
    const lower = ask({ ...low.input, ...choice });
    if (isLess(lower.quote, low.quote)) low = lower;
    const higher = ask({ ...high.input, ...choice });
    if (isMore(higher.quote, high.quote)) high = higher;
  }
  const min = low.quote.min ?? low.quote.max;
  const max = high.quote.max;
  return {
    ...start.quote,
    ...(min === undefined ? {} : { min }),
    ...(max === undefined ? {} : { max }),
    exact: false,
  };
}

interface Pick {
  input: JsonObject;
  quote: Quote;
}

function isLess(a: Quote, b: Quote): boolean {
  return (a.min ?? a.max ?? Number.POSITIVE_INFINITY) < (b.min ?? b.max ?? Number.POSITIVE_INFINITY);
}

function isMore(a: Quote, b: Quote): boolean {
  return (a.max ?? a.min ?? 0) > (b.max ?? b.min ?? 0);
}

/** The values of a field that may move a price: its choices, or both ends of its range. */
function choicesOf(schema: JsonObject): unknown[] {
  if (Array.isArray(schema.enum)) return schema.enum.slice(0, maxChoices);
  return [schema.minimum, schema.maximum].filter((bound) => typeof bound === 'number');
}

function askProvider(provider: Provider, model: ProviderModel, input: JsonObject): Quote {
  try {
    // What the operator says of a price holds whatever the platform's own adapter would make of it.
    if (model.price.expression !== undefined) return quotePrice(model, input);
    if (model.price.isOwnTable === true) return quoteByTable(model, input);
    return provider.quote(model, input);
  } catch {
    // A price function that cannot cope with this input still has the price in the catalog.
    return catalogPrice(model, Object.keys(input));
  }
}

function catalogPrice({ price }: ProviderModel, unpriced: string[]): Quote {
  return {
    currency: price.currency,
    ...(price.amount === undefined ? {} : { min: price.amount }),
    exact: false,
    unpriced_inputs: unpriced,
    basis: price.basis,
  };
}
