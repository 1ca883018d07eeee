/** What a run costs: what a person says yes to before it, what its provider tells, and what it counts as when nobody tells. */
import { createHash, randomBytes } from 'node:crypto';
import type { HandlerContext } from '@inferry/bus';
import {
  AppError,
  InputRequired,
  isObject,
  type PreparedRun,
  type Principal,
  type Quote,
} from '@inferry/contracts';
import {
  addConfirmation,
  type BudgetRules,
  type Certainty,
  type Confirmation,
  type ExchangeRates,
  findConfirmation,
  holdable,
  type Payer,
  type RunRow,
  readBudgetStates,
  readThreshold,
  type UnpricedRuns,
  useConfirmation,
  type WantedMoney,
} from '@inferry/database';
import type { JobView } from '@inferry/providers';
import type { z } from 'zod';
import type { InferenceDeps } from '../deps.ts';
import { holdToQuote, quotedAmount } from './quotes.ts';
import { canonical, fromMicros, optionsOf, type RunOptions, toMicros } from './run-document.ts';

/** By what rules a deployment counts money. */
export interface MoneyRules {
  rates: ExchangeRates;
  unpriced: UnpricedRuns;
}

/** What a quote asks of budgets. */
export function wantedOf({ currency, min, max }: Pick<Quote, 'currency' | 'min' | 'max'>): WantedMoney {
  return {
    currency,
    wantedMicros: max === undefined ? undefined : toMicros(max),
    leastMicros: min === undefined ? undefined : toMicros(min),
  };
}

/** The cap is in US dollars; where no rate says what that is in another currency, the same number of those. */
export function rulesFor({ rates, unpriced }: MoneyRules, currency: string): Omit<BudgetRules, 'now'> {
  const { capMicros } = unpriced;
  if (capMicros === undefined) return { rates, unpriced };
  const converted = rates.convert(capMicros, 'USD', currency) ?? capMicros;
  return { rates, unpriced: { ...unpriced, capMicros: Math.ceil(converted) } };
}

/**
 * What is known of a charge when a run ends.
 * - `reported`: the provider's figure, else nothing, or unknown where the provider charges such ends without a word.
 * - `quoted`: the provider's figure, else the quote; a run that ends well costs what it was quoted at.
 * - `assumed`: nobody knows whether the provider charged, so the budget keeps counting the most it could be.
 * - `refused`: the provider took nothing.
 * - `none`: nothing was sent.
 */
export type Charge = 'reported' | 'quoted' | 'assumed' | 'refused' | 'none';

interface Settlement {
  /** What is booked, in `currency`; undefined books nothing. */
  micros: number | undefined;
  currency: string;
  certainty: Certainty;
  /** What the run shows as its charge; null where that is not known. */
  shown: number | null;
}

/** What is booked for a run and what it shows. `mayBeUntold`: its provider charges such an end and does not say what. */
export function settle(
  row: RunRow,
  { charge, reported, mayBeUntold }: { charge: Charge; reported: number | null; mayBeUntold: boolean },
): Settlement {
  const { currency, estimated_micros: most, reserved_micros: held } = row;
  const known = (micros: number): Settlement => ({ micros, currency, certainty: 'known', shown: micros });
  if (charge === 'none') return { micros: undefined, currency, certainty: 'known', shown: null };
  const { isExactQuote, chargedElsewhere: other } = optionsOf(row);
  if (reported !== null) return known(reported);
  if (other !== undefined) return { ...known(other.micros), currency: other.currency };
  if (charge === 'refused' || (charge === 'reported' && !mayBeUntold)) return known(0);
  // Nothing costs nothing, however it ends.
  if (most === 0 || (most !== null && charge === 'quoted' && isExactQuote)) return known(most);
  if (most !== null && charge !== 'reported') {
    return { micros: most, currency, certainty: 'assumed', shown: null };
  }
  return { micros: held, currency, certainty: 'unknown', shown: null };
}

/** By how much a known charge goes beyond the most that its signed quote said. */
export function overQuoteOf(
  row: Pick<RunRow, 'options'>,
  { micros = 0, certainty }: Pick<Settlement, 'micros' | 'certainty'>,
): { overQuoteMicros: number } | undefined {
  const { quoted } = optionsOf(row);
  const isBound = quoted?.kind === 'exact' || quoted?.kind === 'range';
  if (!isBound || quoted.micros === null || certainty !== 'known' || micros <= quoted.micros)
    return undefined;
  return { overQuoteMicros: micros - quoted.micros };
}

/**
 * Notes the provider's own figure, so that it survives until the run ends. One in another currency is converted where a
 * rate says how; where none does it stands for a run without a quote, and gives way to the quote of any other.
 */
export function chargedPatch(
  row: RunRow,
  view: JobView,
  rates: ExchangeRates,
): { charged_micros?: number; options?: string } {
  if (view.charged === undefined) return {};
  const { amount, currency } = view.charged;
  if (!Number.isFinite(amount) || amount < 0) return {};
  const converted = rates.convert(amount, currency, row.currency);
  if (converted !== undefined) return { charged_micros: toMicros(converted) };
  if (row.estimated_micros !== null) return {};
  const chargedElsewhere = { micros: toMicros(amount), currency };
  return { options: JSON.stringify({ ...optionsOf(row), chargedElsewhere } satisfies RunOptions) };
}

// Whoever is asked before a run that costs more than a threshold: by the client where it can, else by a page.

type Prepared = z.infer<typeof PreparedRun>;
type Deps = Pick<InferenceDeps, 'database' | 'quotes' | 'money' | 'confirm' | 'now'>;

interface CostlyRun {
  prepared: Prepared;
  payer: Payer;
  rules: BudgetRules;
  /** Whether any threshold is set beside the deployment's own. */
  hasThresholds: boolean;
}

/** What is asked, as pages show it. */
export interface CostQuestion {
  model: string;
  price: string;
  mount: string;
  client: string;
}

/**
 * Returns where nobody need be asked, or somebody said yes to this very quote. Throws `InputRequired` where the client can
 * ask, `confirmation_required` with the address of a page where it cannot, `confirmation_declined` after a no.
 */
export async function confirmCost(deps: Deps, run: CostlyRun, context: HandlerContext): Promise<void> {
  const { prepared, payer } = run;
  const threshold = await thresholdOf(deps, run);
  if (threshold === undefined || !isAbove(deps, prepared.quote, threshold)) return;
  if (readAnswer(deps, run, context) === 'accepted') return;
  const { subject } = context.principal;
  const { queries } = deps.database;
  const about = { subject, aboutHash: hashOf(subject, prepared), now: deps.now() };
  const asked = await findConfirmation(queries, about);
  if (asked?.answer === 'accepted' && (await useConfirmation(queries, asked.confirmation_id))) return;
  if (asked?.answer === 'declined') throw declined();
  // Nobody is asked about what would be refused in any case.
  holdable(await readBudgetStates(queries, payer, run.rules), { ...run.rules, ...wantedOf(prepared.quote) });
  const question = questionOf(prepared, payer);
  if (canAsk(context)) throw inputRequired(deps, { prepared, subject }, question);
  const id = asked?.answer === null ? asked.confirmation_id : await ask(deps, about, question);
  throw required(question, deps.confirm.pageOf(id, context.principal));
}

async function thresholdOf(deps: Deps, { payer, hasThresholds }: CostlyRun): Promise<number | undefined> {
  const own = hasThresholds ? await readThreshold(deps.database.queries, payer) : undefined;
  const all = [own, deps.confirm.aboveMicros].filter((one) => one !== undefined);
  return all.length === 0 ? undefined : Math.min(...all);
}

/** A price that nobody knows, or that no rate makes dollars of, may be any. */
function isAbove({ money }: Deps, { max, currency }: Quote, threshold: number): boolean {
  if (max === undefined) return true;
  const dollars = money.rates.convert(toMicros(max), currency, 'USD');
  return dollars === undefined || dollars > threshold;
}

/** What the client's person said, of the quote that they were shown: of another one it says nothing. */
function readAnswer(
  deps: Deps,
  { prepared }: CostlyRun,
  { client, principal }: HandlerContext,
): 'accepted' | undefined {
  const answer = client?.responses.confirm_cost;
  if (!isObject(answer) || client?.state === undefined) return undefined;
  const isYes = answer.action === 'accept' && isObject(answer.content) && answer.content.run === true;
  if (!isYes) throw declined();
  try {
    holdToQuote(deps.quotes.read(principal.subject, client.state, prepared), prepared.quote);
    return 'accepted';
  } catch (error) {
    // The price has risen meanwhile, or the quote is too old: they are asked again.
    if (error instanceof AppError && error.code.startsWith('quote_')) return undefined;
    throw error;
  }
}

function canAsk({ client }: HandlerContext): boolean {
  const elicitation = client?.capabilities.elicitation;
  // Without a word of its ways it is a form, as it was when there was no other.
  return isObject(elicitation) && (elicitation.form !== undefined || elicitation.url === undefined);
}

function inputRequired(
  { quotes }: Deps,
  { prepared, subject }: { prepared: Prepared; subject: string },
  { model, price }: CostQuestion,
): InputRequired | AppError {
  const signed = quotes.sign(subject, prepared);
  if (signed === undefined) return new AppError('unavailable', 'Nothing can be confirmed here now.');
  const requestedSchema = {
    type: 'object',
    properties: { run: { type: 'boolean', title: 'Run it' } },
    required: ['run'],
  };
  const params = { message: `Run ${model} for ${price}?`, requestedSchema };
  return new InputRequired({ confirm_cost: { method: 'elicitation/create', params } }, signed.quote_id);
}

async function ask(
  { database, now, confirm }: Deps,
  { subject, aboutHash }: { subject: string; aboutHash: string },
  question: CostQuestion,
): Promise<string> {
  const id = `confirm_${randomBytes(16).toString('base64url')}`;
  const row: Omit<Confirmation, 'answer' | 'answered_at'> = {
    confirmation_id: id,
    subject,
    about_hash: aboutHash,
    question: JSON.stringify(question),
    asked_at: now(),
    expires_at: now() + confirm.ttlMs,
  };
  await addConfirmation(database.queries, row);
  return id;
}

function questionOf({ model, wrapper, quote }: Prepared, { mount = '', client = '' }: Payer): CostQuestion {
  return { model: wrapper ?? model, price: priceText(quote), mount, client };
}

function priceText({ currency, min, max, exact }: Quote): string {
  const sum = (amount: number) => `${fromMicros(toMicros(amount))} ${currency}`;
  if (max !== undefined) return `${exact ? '' : 'up to '}${sum(max)}`;
  return min !== undefined && min > 0 ? `${sum(min)} or more` : 'a price that nobody knows before it';
}

/** The same input at the same price: what somebody said yes to. */
function hashOf(subject: string, { model, wrapper, input, quote }: Prepared): string {
  const about = {
    subject,
    model,
    wrapper: wrapper ?? null,
    input,
    currency: quote.currency,
    price: quotedAmount(quote) ?? null,
  };
  return createHash('sha256').update(canonical(about)).digest('base64url');
}

function required({ model, price }: CostQuestion, url: string | undefined): AppError {
  const where =
    url === undefined
      ? 'Ask whoever runs this server to confirm it.'
      : `Ask the user to open ${url} and say yes.`;
  return new AppError(
    'confirmation_required',
    `Running ${model} costs ${price}, which a person has to confirm. Nothing was run or charged.`,
    {
      nextAction: `${where} Then make this call again with the same arguments.`,
      details: { price, ...(url === undefined ? {} : { confirm_url: url }) },
    },
  );
}

function declined(): AppError {
  return new AppError(
    'confirmation_declined',
    'The user said no to the cost of this run. Nothing was run or charged.',
  );
}

/** Where somebody says yes who has no client that can ask: their account, or a page of that one question. */
export interface ConfirmSettings {
  /** Of the deployment; undefined: thresholds of others alone. */
  aboveMicros: number | undefined;
  ttlMs: number;
  pageOf(id: string, principal: Principal): string | undefined;
}
