import type { Handler } from '@inferry/bus';
import { AppError, type ErrorEnvelope, type readBudgets } from '@inferry/contracts';
import {
  type BudgetRules,
  type BudgetState,
  holdable,
  leftFor,
  readBudgetStates,
  type WantedMoney,
} from '@inferry/database';
import type { InferenceDeps } from '../deps.ts';
import { rulesFor, wantedOf } from '../runs/run-cost.ts';
import { fromMicros, toRfc3339 } from '../runs/run-document.ts';
import { payerOf } from '../runs/start-run.ts';

/** What the caller may spend, has spent and holds for runs that go on. */
export function handleReadBudgets(
  deps: Pick<InferenceDeps, 'database' | 'now' | 'money' | 'quotes'>,
): Handler<typeof readBudgets> {
  return async ({ run, quoted }, { principal }) => {
    const rules = { ...rulesFor(deps.money, run?.currency ?? 'USD'), now: deps.now() };
    const payer = { ...payerOf(principal, run?.mount), provider: run?.provider };
    const states = await readBudgetStates(deps.database.queries, payer, rules);
    const own = states.filter(({ scope }) => scope === 'subject');
    const signed = quoted && deps.quotes.sign(principal.subject, quoted);
    return {
      ...(signed && { quote: { quote_id: signed.quote_id, expires_at: toRfc3339(signed.expires_at) } }),
      ...(run === undefined ? {} : toVerdict(states, { ...rules, ...wantedOf(run) })),
      // Of what others share nobody is told the figures.
      budgets: own.map((state) => ({
        scope: state.isDefault ? 'everybody' : 'subject',
        currency: state.currency,
        limit: fromMicros(state.limitMicros),
        spent: fromMicros(state.spentMicros),
        reserved: fromMicros(state.heldMicros),
        ...(isPlain(state) ? {} : { window: state.period, time_zone: state.timeZone }),
        ...(state.resetsAt === undefined ? {} : { resets_at: toRfc3339(state.resetsAt) }),
      })),
    };
  };
}

function isPlain({ period, timeZone }: BudgetState): boolean {
  return timeZone === 'UTC' && ['day', 'month', 'total'].includes(period);
}

/** What is left for such a run, and why it would be refused. */
function toVerdict(
  states: readonly BudgetState[],
  wanted: WantedMoney & BudgetRules,
): { left?: number; refusal?: ErrorEnvelope } {
  try {
    const left = leftFor(states, wanted);
    const told = left === undefined ? {} : { left: fromMicros(left) };
    return { ...told, ...refusalOf(() => holdable(states, wanted)) };
  } catch (error) {
    return refusalOf(() => {
      throw error;
    });
  }
}

function refusalOf(check: () => unknown): { refusal?: ErrorEnvelope } {
  try {
    check();
    return {};
  } catch (error) {
    if (error instanceof AppError) return { refusal: error.toEnvelope() };
    throw error;
  }
}
