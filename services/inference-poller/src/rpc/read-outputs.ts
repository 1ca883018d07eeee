import type { Handler } from '@inferry/bus';
import type { readOutputs } from '@inferry/contracts';
import type { InferenceDeps } from '../deps.ts';
import { findOwnRun } from '../runs/find-own-run.ts';
import { outputsOf } from '../runs/run-document.ts';

/** The outputs of one of the caller's runs; none while it goes on. */
export function handleReadOutputs(deps: Pick<InferenceDeps, 'database'>): Handler<typeof readOutputs> {
  return async ({ run_id: runId }, { principal }) => {
    const outputs = outputsOf(await findOwnRun(deps, principal, { runId }));
    return { outputs: 'stored' in outputs ? outputs.stored : [] };
  };
}
