import type { Handler, HandlerContext } from '@inferry/bus';
import { type Budget, type estimateCost, type JsonObject, type Quote, readBudgets } from '@inferry/contracts';
import type { CatalogDeps } from '../deps.ts';
import { prepareInput } from '../input/prepare-input.ts';
import { schemasOf } from '../input/schema-parts.ts';
import type { ModelDocument } from '../model-documents.ts';
import { quoteInput, quoteRange, wrongFields } from '../quote/quote-input.ts';
import { isRunnable, noLongerOffered, resolveModel } from '../resolve-model.ts';

/** A budget that cannot be read must not hold up a price. */
const budgetTimeoutMs = 2_000;

type Estimate = Awaited<ReturnType<Handler<typeof estimateCost>>>;

export function handleEstimateCost(deps: CatalogDeps): Handler<typeof estimateCost> {
  return async ({ model: name, input, count = 1 }, context) => {
    const { principal } = context;
    const document = await deps.complete(await resolveModel(deps, name, principal), principal);
    const { quote, validation } = estimate(deps, document, input);
    const budgetLeft = await readBudgetLeft(deps, context, quote.currency);
    const result: Estimate = {
      currency: quote.currency,
      exact: quote.exact,
      unpriced_inputs: quote.unpriced_inputs,
      basis: quote.basis,
    };
    if (quote.min !== undefined) result.min = times(quote.min, count);
    if (quote.max !== undefined) result.max = times(quote.max, count);
    if (budgetLeft !== undefined) result.budget_left = budgetLeft;
    if (validation.length > 0 && input !== undefined) result.validation = validation;
    const canRun = isRunnable(deps, document) && isAffordable(result, budgetLeft);
    // Without an input nobody can tell whether run_model would take it.
    if (input !== undefined || !canRun) result.allowed = canRun && validation.length === 0;
    return result;
  };
}

function estimate(
  deps: CatalogDeps,
  document: ModelDocument,
  given: JsonObject | undefined,
): { quote: Quote; validation: NonNullable<Estimate['validation']> } {
  const provider = deps.providers.get(document.provider);
  if (provider === undefined) throw noLongerOffered(deps, document);
  const validator = deps.validatorOf(document);
  const { input, problems } = prepareInput(validator, given ?? {});
  const quote = quoteInput(provider, document.model, { input, problems });
  if (given !== undefined && problems.length === 0) return { quote, validation: [] };
  const wrong = wrongFields(problems);
  const fields = schemasOf(validator.plain, 'properties');
  const open = given === undefined ? fields : fields.filter(([name]) => wrong.includes(name));
  const usable = Object.fromEntries(Object.entries(input).filter(([name]) => !wrong.includes(name)));
  const { unpriced_inputs: unpriced } = quote;
  const range = quoteRange(provider, document.model, { input: usable, open });
  return { quote: { ...range, unpriced_inputs: unpriced }, validation: problems };
}

/** What the tightest budget leaves; undefined when there is none, or nobody answers for budgets now. */
async function readBudgetLeft(
  { bus }: CatalogDeps,
  { principal, signal }: HandlerContext,
  currency: string,
): Promise<number | undefined> {
  const budgets = await bus
    .call(readBudgets, {}, { principal, signal, timeoutMs: budgetTimeoutMs })
    .then((answer) => answer.budgets)
    .catch((): Budget[] => []);
  const left = budgets
    .filter((budget) => budget.currency === currency)
    .map(({ limit, spent, reserved }) => toMillionths(limit - spent - reserved));
  return left.length === 0 ? undefined : Math.max(0, Math.min(...left));
}

function isAffordable({ min, max }: Estimate, budgetLeft: number | undefined): boolean {
  if (budgetLeft === undefined) return true;
  const needed = max ?? min;
  return needed === undefined ? budgetLeft > 0 : needed <= budgetLeft;
}

function times(amount: number, count: number): number {
  return toMillionths(amount * count);
}

/** Money is kept in millionths: what floating point adds below that is noise. */
function toMillionths(amount: number): number {
  return Math.round(amount * 1e6) / 1e6;
}
