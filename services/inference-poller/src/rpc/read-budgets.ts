import type { Handler } from '@inferry/bus';
import type { readBudgets } from '@inferry/contracts';
import { readBudgetStates } from '@inferry/database';
import type { InferenceDeps } from '../deps.ts';
import { fromMicros } from '../runs/run-document.ts';
import { toRfc3339 } from '../runs/run-view.ts';

/** What the caller may spend, has spent and holds for runs that go on. */
export function handleReadBudgets(
  deps: Pick<InferenceDeps, 'database' | 'now'>,
): Handler<typeof readBudgets> {
  return async (_input, { principal }) => {
    const states = await readBudgetStates(deps.database.queries, principal.subject, deps.now());
    return {
      budgets: states.map((state) => ({
        scope: 'subject',
        currency: state.currency,
        limit: fromMicros(state.limitMicros),
        spent: fromMicros(state.spentMicros),
        reserved: fromMicros(state.heldMicros),
        ...(state.resetsAt === undefined ? {} : { resets_at: toRfc3339(state.resetsAt) }),
      })),
    };
  };
}
