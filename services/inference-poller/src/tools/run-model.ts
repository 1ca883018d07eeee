import type { Handler, HandlerContext } from '@inferry/bus';
import {
  type AppError,
  callOf,
  type continueRun,
  getModel,
  hint,
  isTerminal,
  prepareRun,
  type runModel,
  validationFailed,
} from '@inferry/contracts';
import type { RunRow } from '@inferry/database';
import type { InferenceDeps } from '../deps.ts';
import { runFailed } from '../runs/failed-run.ts';
import { findOwnRun } from '../runs/find-own-run.ts';
import { toNativeRun } from '../runs/native-run.ts';
import { statusOf, toRun, toShortRun } from '../runs/run-document.ts';
import type { RunRequest } from '../runs/run-request.ts';
import { startRun, tryRun } from '../runs/start-run.ts';
import { waitForRun, waitUntilTaken } from '../runs/wait-for-run.ts';

/** Starts a run, or finds the one of the same `client_ref`, and waits for it as long as the client can (RF-16). */
export function handleRunModel(deps: InferenceDeps): Handler<typeof runModel> {
  return async ({ input, ...rest }, context) => {
    if (input === undefined) throw await withoutInput(deps, rest, context);
    const args = { ...rest, input };
    if (args.dry_run === true) return tryRun(deps, args, context);
    const { row, isNew } = await startRun(deps, args, context);
    const { wait_seconds: waitSeconds, with_native: withNative, until, whole: isWhole } = args;
    const wish = { waitSeconds, withNative, until, isWhole, context, isNew };
    const outcome = await outcomeOf(deps, row, wish);
    return { ...outcome, ...(isNew ? {} : { replayed: true }) };
  };
}

/** Names what the model needs, as for an input that has none of it. */
async function withoutInput(
  deps: InferenceDeps,
  { model, options }: Pick<RunRequest, 'model' | 'options'>,
  { principal, signal }: HandlerContext,
): Promise<AppError> {
  const asked = { model, input: {}, ...(options !== undefined && { options }) };
  const prepared = await deps.bus.call(prepareRun, asked, { principal, signal });
  const about = `an object with the model's inputs${hint`; ${callOf(getModel)} has them all`}`;
  return validationFailed(prepared.model, [
    { path: 'input', message: 'is required', hint: about },
    ...prepared.problems,
  ]);
}

/** Waits in place of a call of `run_model` that was cut off, and answers as that call would have. */
export function handleContinueRun(deps: InferenceDeps): Handler<typeof continueRun> {
  return async ({ run_id: runId, wait_seconds: waitSeconds, with_native: withNative }, context) => {
    const row = await findOwnRun(deps, context.principal, { runId });
    return outcomeOf(deps, row, { waitSeconds, withNative, context, isNew: false, isReplay: false });
  };
}

interface Wish {
  waitSeconds: number | undefined;
  context: HandlerContext;
  isNew: boolean;
  isReplay?: boolean;
  withNative?: boolean | undefined;
  until?: 'end' | 'taken' | undefined;
  isWhole?: boolean | undefined;
}

/** As much of a text as one answer may hold. */
const wholeText = { offset: 0, maxChars: 20_000 };

/** The run once it has succeeded or the wait is over; a run that failed is the call's failure. */
async function outcomeOf(
  deps: InferenceDeps,
  started: RunRow,
  wish: Wish,
): Promise<ReturnType<typeof toNativeRun>> {
  const { context, isNew, isReplay = !isNew, withNative } = wish;
  const { defaultSeconds } = context.wait;
  const waitSeconds = wish.waitSeconds ?? defaultSeconds;
  const row =
    wish.until === 'taken'
      ? await waitUntilTaken(deps, started, { waitSeconds, context })
      : await waitForRun(deps, started, { waitSeconds, context, isNew, withNative });
  const status = statusOf(row);
  if (isTerminal(status) && status !== 'succeeded') throw runFailed(row, isReplay);
  if (withNative === true) return toNativeRun(row, { waitSeconds: defaultSeconds });
  const shown = { waitSeconds: defaultSeconds };
  return { run: wish.isWhole === true ? toRun(row, { text: wholeText, ...shown }) : toShortRun(row, shown) };
}
