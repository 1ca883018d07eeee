import type { Handler } from '@inferry/bus';
import { isTerminal, prepareRun, type runModel } from '@inferry/contracts';
import type { InferenceDeps } from '../deps.ts';
import { runFailed } from '../runs/failed-run.ts';
import { shortText, statusOf, toRun } from '../runs/run-view.ts';
import { startRun } from '../runs/start-run.ts';
import { waitForRun } from '../runs/wait-for-run.ts';

/** Starts a run, or finds the one of the same `client_ref`, and waits for it as long as the client can (RF-16). */
export function handleRunModel(deps: InferenceDeps): Handler<typeof runModel> {
  return async (args, context) => {
    if (args.dry_run === true) {
      const { model, input } = args;
      const { principal, signal } = context;
      const { problems, quote } = await deps.bus.call(prepareRun, { model, input }, { principal, signal });
      return { validation: problems, quote };
    }
    const { row: started, isNew } = await startRun(deps, args, context);
    const waitSeconds = args.wait_seconds ?? context.wait.defaultSeconds;
    const row = await waitForRun(deps, started, { waitSeconds, context, isNew });
    const status = statusOf(row);
    if (isTerminal(status) && status !== 'succeeded') throw runFailed(row, !isNew);
    const run = toRun(row, { text: shortText, waitSeconds: context.wait.defaultSeconds });
    return { run, ...(isNew ? {} : { replayed: true }) };
  };
}
