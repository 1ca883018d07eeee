/**
 * Sends a run to another platform that does the same, where the one that it was meant for certainly took nothing: it refused,
 * or nothing has left. What may have been taken is never sent elsewhere.
 */
import { AppError, type ErrorCode, runQueued } from '@inferry/contracts';
import { holdable, listPauses, readBudgetStates } from '@inferry/database';
import type { InferenceDeps } from '../deps.ts';
import { rulesFor } from '../runs/run-cost.ts';
import { type EqualRun, optionsOf, type RunOptions } from '../runs/run-document.ts';
import { type HeldRun, releaseRun } from './held-run.ts';
import { untakenPatch } from './submit-facts.ts';

/** Another platform would be asked to do what this one refuses to do: that is for the caller to decide. */
const ofTheInput: ReadonlySet<ErrorCode> = new Set(['validation_failed', 'content_blocked']);

/** Whether the run is queued for another platform now. `error` is why this one took nothing. */
export async function failOver(
  deps: InferenceDeps,
  held: HeldRun,
  { error, hasLeft }: { error: unknown; hasLeft: boolean },
): Promise<boolean> {
  const { row } = held;
  const { equal, doubted = [] } = optionsOf(row);
  const code = error instanceof AppError ? error.code : 'unavailable';
  if (equal === undefined || doubted.length > 0 || ofTheInput.has(code)) return false;
  const { next, others } = await firstOpen(deps, held, equal.others);
  if (next === undefined) return false;
  const at = deps.now();
  const { options: untaken, ...patch } = untakenPatch(row, { hasLeft, at });
  const { grant: _, ...before } = optionsOf({ options: String(untaken) });
  const options: RunOptions = {
    ...before,
    ...(next.grant === undefined ? {} : { grant: next.grant }),
    isExactQuote: next.isExactQuote,
    equal: { alias: equal.alias, why: `after ${row.model} (${code})`, others },
  };
  const { provider, model, native_id, input, files } = next;
  await releaseRun(deps, held, {
    at,
    note: `${row.model} took nothing (${code}): ${model} instead`,
    patch: {
      ...patch,
      ...{ provider, model, native_id, poll_attempts: 0 },
      input: JSON.stringify(input),
      file_fields: JSON.stringify(files),
      options: JSON.stringify(options),
    },
  });
  deps.bus.publish(runQueued, { run_id: row.run_id, provider, by: deps.replica });
  return true;
}

/** The first that is there, takes runs and fits the budget of its platform; what comes before it is not tried again. */
async function firstOpen(
  deps: InferenceDeps,
  { row }: HeldRun,
  others: readonly EqualRun[],
): Promise<{ next: EqualRun | undefined; others: EqualRun[] }> {
  if (others.length === 0) return { next: undefined, others: [] };
  const pauses = await listPauses(deps.database.queries);
  for (const [index, next] of others.entries()) {
    const provider = deps.providers.get(next.provider);
    const isOpen =
      provider?.ready().isReady === true && !pauses.some((pause) => pause.provider === next.provider);
    if (isOpen && (await fitsBudget(deps, row, next))) return { next, others: others.slice(index + 1) };
  }
  return { next: undefined, others: [] };
}

/** Other budgets hold the run already, with the most that any of these costs. */
async function fitsBudget(deps: InferenceDeps, row: HeldRun['row'], next: EqualRun): Promise<boolean> {
  const { subject, client, mount, currency } = row;
  const rules = { ...rulesFor(deps.money, currency), now: deps.now() };
  const payer = { subject, client, mount, provider: next.provider };
  const states = await readBudgetStates(deps.database.queries, payer, rules);
  try {
    holdable(
      states.filter(({ scope }) => scope === 'provider'),
      { ...rules, currency, wantedMicros: next.wantedMicros ?? undefined },
    );
    return true;
  } catch (error) {
    if (error instanceof AppError) return false;
    throw error;
  }
}
