/** What a run costs: what its provider tells, what it is counted as when nobody tells, and how both are shown. */
import type { Quote, RunCost } from '@inferry/contracts';
import type {
  BudgetRules,
  Certainty,
  ExchangeRates,
  RunRow,
  UnpricedRuns,
  WantedMoney,
} from '@inferry/database';
import type { JobView } from '@inferry/providers';
import { fromMicros, optionsOf, type RunOptions, toMicros } from './run-document.ts';

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

/** The cost of a run as clients see it. That nobody tells a charge is said, since no amount would read as nothing. */
export function costOf(row: RunRow): RunCost {
  const isEnded = row.phase === 'done';
  const { chargedElsewhere: other, unsettled, overQuoteMicros } = optionsOf(row);
  if (isEnded && other !== undefined) return { currency: other.currency, charged: fromMicros(other.micros) };
  const cost: RunCost = { currency: row.currency };
  if (row.estimated_micros !== null) cost.estimated = fromMicros(row.estimated_micros);
  if (!isEnded && row.reserved_micros > 0) cost.reserved = fromMicros(row.reserved_micros);
  if (isEnded && row.charged_micros !== null) cost.charged = fromMicros(row.charged_micros);
  if (isEnded && overQuoteMicros !== undefined) cost.over_quote = fromMicros(overQuoteMicros);
  if (isEnded && unsettled !== undefined) {
    if (unsettled.certainty === 'unknown') cost.unknown = true;
    if (unsettled.micros > 0) cost.assumed = fromMicros(unsettled.micros);
  }
  return cost;
}
