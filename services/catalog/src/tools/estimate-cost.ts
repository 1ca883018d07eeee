import type { Handler, HandlerContext } from '@inferry/bus';
import {
  type AppError,
  type Budget,
  coverQuotes,
  type estimateCost,
  type JsonObject,
  type Principal,
  type Problem,
  type Quote,
  quoteKindOf,
  readBudgets,
} from '@inferry/contracts';
import type { z } from 'zod';
import type { CallerAccess } from '../caller-access.ts';
import { toCallersFields, toCallersQuote, toModelFields } from '../curation/equal-fields.ts';
import { fieldsOf } from '../curation/equal-models.ts';
import type { CatalogDeps } from '../deps.ts';
import { schemasOf } from '../input/foreign-schema.ts';
import { prepareInput, quoteInput, quoteRange, wrongFields } from '../input/prepare-input.ts';
import type { ModelDocument } from '../listed-models.ts';
import { isRunnable, noLongerOffered, resolveModel } from '../resolve-model.ts';
import { preparerOf } from '../rpc/prepare-run.ts';
import { expandForRun } from '../wrappers/base-of-wrapper.ts';

/** A budget that cannot be read must not hold up a price. */
const budgetTimeoutMs = 2_000;
/** What remains of the call for the estimate alone. */
const answerMs = 400;

type Estimate = Awaited<ReturnType<Handler<typeof estimateCost>>>;

export function handleEstimateCost(deps: CatalogDeps): Handler<typeof estimateCost> {
  return async ({ model: name, input, count = 1 }, context) => {
    const { principal } = context;
    const named = await resolveModel(deps, name, principal);
    const names = fieldsOf(deps.models.curation.groupOf(name), named.id);
    const own = input && toModelFields(names, input);
    const { document, ...wanted } = await quotedModel(deps, { named, input: own }, principal);
    const access = await deps.accesses.of(principal);
    const estimated = estimate({ deps, document, access }, wanted);
    const { input: prepared } = estimated;
    const validation = toCallersFields(names, estimated.validation);
    const quote = await coveredQuote(
      deps,
      { name, input, validation, quote: toCallersQuote(names, estimated.quote) },
      context,
    );
    const result = toEstimate(quote, count);
    const isQuotable = input !== undefined && validation.length === 0;
    const quoted = { model: document.id, wrapper: wanted.wrapper, input: prepared, quote };
    const budget = await askBudget(deps, context, {
      run: { ...result, currency: quote.currency, provider: document.provider },
      quoted: isQuotable ? quoted : undefined,
    });
    Object.assign(result, toldOf(budget));
    const refusal = refusalText(access.refusalOf(document.provider)) ?? budget.refusal;
    if (refusal !== undefined) result.refusal = refusal;
    if (validation.length > 0 && input !== undefined) result.validation = validation;
    const canRun = isRunnable(document, access) && budget.isAffordable;
    // Without an input nobody can tell whether run_model would take it.
    if (input !== undefined || !canRun) result.allowed = canRun && validation.length === 0;
    return result;
  };
}

/** Of a name that stands for several models: what a run costs whichever of them takes it. */
async function coveredQuote(
  deps: CatalogDeps,
  told: { name: string; input: JsonObject | undefined; validation: readonly Problem[]; quote: Quote },
  { principal }: HandlerContext,
): Promise<Quote> {
  const { name, input, validation, quote } = told;
  const isOne = deps.models.curation.groupOf(name) === undefined;
  if (isOne || input === undefined || validation.length > 0) return quote;
  const prepared = await (await preparerOf(deps, { model: name }, principal))(input);
  const others = prepared.equal?.others ?? [];
  return coverQuotes(
    prepared.quote,
    others.map((other) => other.quote),
  );
}

/** What the budgets' owner adds to an estimate. */
function toldOf({ quote, left }: BudgetAnswer): Partial<Estimate> {
  return {
    ...(quote && { quote_id: quote.quote_id, quote_expires_at: quote.expires_at }),
    ...(left === undefined ? {} : { budget_left: left }),
  };
}

function refusalText(refusal: AppError | undefined): string | undefined {
  return refusal && [`[${refusal.code}] ${refusal.message}`, refusal.nextAction].filter(Boolean).join(' ');
}

interface QuotedInput {
  /** Undefined: nobody has decided yet. */
  given: JsonObject | undefined;
  /** What is settled whatever is given: what a wrapper makes for its base model. */
  fixed: JsonObject;
  /** What is wrong with the input of a wrapper. */
  own: Problem[];
  wrapper?: string | undefined;
}

/** What a call of this name would run: the model itself, or the base model of a wrapper with what that makes. */
async function quotedModel(
  deps: CatalogDeps,
  { named, input }: { named: ModelDocument; input: JsonObject | undefined },
  principal: Principal,
): Promise<QuotedInput & { document: ModelDocument }> {
  const { wrapper: view } = named;
  if (view === undefined) {
    return { document: await deps.complete(named, principal), given: input, fixed: {}, own: [] };
  }
  const expanded = await expandForRun(deps, { document: named, view, raw: input ?? {} }, principal);
  const { model: document, input: mapped, problems: own, wrapper } = expanded;
  return { document, given: input === undefined ? undefined : mapped, fixed: mapped, own, wrapper };
}

function estimate(
  { deps, document, access }: { deps: CatalogDeps; document: ModelDocument; access: CallerAccess },
  { given, fixed, own }: QuotedInput,
): { quote: Quote; validation: NonNullable<Estimate['validation']>; input: JsonObject } {
  const provider = deps.providers.get(document.provider);
  if (provider === undefined) throw noLongerOffered(deps, document, access);
  const model = deps.models.curation.priced(document.id, document.model);
  const validator = deps.validatorOf(document);
  const prepared = prepareInput(validator, given ?? fixed);
  const { input } = prepared;
  const problems = own.length > 0 && given !== undefined ? [...own, ...prepared.problems] : prepared.problems;
  const quote = quoteInput(provider, model, { input, problems });
  if (given !== undefined && problems.length === 0) return { quote, validation: [], input };
  const wrong = wrongFields(problems);
  const fields = schemasOf(validator.plain, 'properties');
  const open = fields.filter(([name]) =>
    given === undefined ? !Object.hasOwn(fixed, name) : wrong.includes(name),
  );
  const usable = Object.fromEntries(Object.entries(input).filter(([name]) => !wrong.includes(name)));
  const { unpriced_inputs: unpriced } = quote;
  const range = quoteRange(provider, model, { input: usable, open });
  return { quote: { ...range, unpriced_inputs: unpriced }, validation: problems, input };
}

/** The quote of so many runs. */
function toEstimate({ currency, exact, basis, min, max, ...quote }: Quote, count: number): Estimate {
  return {
    currency,
    exact,
    unpriced_inputs: quote.unpriced_inputs,
    basis,
    kind: quoteKindOf({ exact, min, max }),
    ...(min === undefined ? {} : { min: times(min, count) }),
    ...(max === undefined ? {} : { max: times(max, count) }),
  };
}

interface BudgetQuestion {
  run: { currency: string; provider: string; min?: number | undefined; max?: number | undefined };
  /** One run to be quoted. */
  quoted: z.input<typeof readBudgets.input>['quoted'];
}

interface BudgetAnswer {
  quote?: z.output<typeof readBudgets.output>['quote'];
  isAffordable: boolean;
  /** What the tightest budget leaves, in the currency of the quote; undefined where none holds the caller. */
  left?: number | undefined;
  refusal?: string | undefined;
}

/** What the budgets say of such runs; nothing when nobody answers for them now. */
async function askBudget(
  { bus }: CatalogDeps,
  { principal, signal, deadlineAt, mount }: HandlerContext,
  { run: { currency, provider, min, max }, quoted }: BudgetQuestion,
): Promise<BudgetAnswer> {
  const run = {
    currency,
    provider,
    mount,
    ...(min === undefined ? {} : { min }),
    ...(max === undefined ? {} : { max }),
  };
  const timeoutMs = Math.max(0, Math.min(budgetTimeoutMs, deadlineAt - Date.now() - answerMs));
  const answer = await bus
    .call(readBudgets, { run, ...(quoted && { quoted }) }, { principal, signal, timeoutMs })
    .catch(() => undefined);
  if (answer === undefined) return { isAffordable: true };
  const { refusal, quote } = answer;
  const left = answer.left ?? leftOf(answer.budgets, currency);
  const needed = max ?? min;
  const isEnough = left === undefined || (needed === undefined ? left > 0 : needed <= left);
  return { isAffordable: refusal === undefined && isEnough, left, quote, refusal: refusal?.message };
}

/** An owner of budgets that does not say what is left for a run still tells them. */
function leftOf(budgets: readonly Budget[], currency: string): number | undefined {
  const left = budgets
    .filter((budget) => budget.currency === currency)
    .map(({ limit, spent, reserved }) => toMillionths(limit - spent - reserved));
  return left.length === 0 ? undefined : Math.max(0, Math.min(...left));
}

function times(amount: number, count: number): number {
  return toMillionths(amount * count);
}

/** Money is kept in millionths: what floating point adds below that is noise. */
function toMillionths(amount: number): number {
  return Math.round(amount * 1e6) / 1e6;
}
