/** What is kept of a caller's ended run is deleted: some of its outputs, or everything but that it ran and what it cost. */
import type { Handler } from '@inferry/bus';
import { AppError, callOf, cancelRun, type forgetPayload, hint } from '@inferry/contracts';
import { forgetRunPayload, type RunRow } from '@inferry/database';
import type { InferenceDeps } from '../deps.ts';
import { findOwnRun } from '../runs/find-own-run.ts';
import { handleOf, outputsOf, type RunOutputs } from '../runs/run-document.ts';

type Deps = Pick<InferenceDeps, 'database' | 'now' | 'providers'>;

export function handleForgetPayload(deps: Deps): Handler<typeof forgetPayload> {
  return async ({ run_id: runId, asset_ids: assetIds }, { principal }) => {
    const { subject } = principal;
    await findOwnRun(deps, principal, { runId });
    const done = await forgetRunPayload(deps.database, {
      ...{ runId, subject, now: deps.now(), actor: subject, isWhole: assetIds === undefined },
      outputs: (row) => withoutAssets(row, assetIds),
      isAsked: (row) => canDelete(deps, row),
    });
    if (done === undefined) throw new AppError('run_not_found', 'You have no such run.');
    if (done === 'goes_on') {
      throw new AppError('run_not_ended', 'The run goes on: what it keeps is deleted after its end.', {
        nextAction: `Wait for its end${hint`, or stop it with ${callOf(cancelRun, { run_id: runId })}`}.`,
      });
    }
    if (done.isAsked) return { platform: 'asked' };
    return { platform: done.row.handle === null || !isHosted(deps, done.row) ? 'nothing' : 'not_offered' };
  };
}

/** Whether its platform was sent the run and has a way to delete what it keeps of it. */
export function canDelete({ providers }: Pick<Deps, 'providers'>, row: RunRow): boolean {
  const provider = providers.get(row.provider);
  return row.handle !== null && provider?.deletePayload !== undefined && isHosted({ providers }, row);
}

/** Jobs of this process leave nothing elsewhere. */
function isHosted({ providers }: Pick<Deps, 'providers'>, row: RunRow): boolean {
  const provider = providers.get(row.provider);
  const jobs = provider?.jobsOf?.(row.native_id, handleOf(row)) ?? provider?.capabilities.jobs;
  return jobs !== 'process';
}

const deletedNote = 'was deleted.';

/** The outputs that stay: of a deleted one nothing but that it was there. */
export function withoutAssets(row: Pick<RunRow, 'outputs'>, assetIds: readonly string[] | undefined): string {
  const outputs = outputsOf(row);
  const stored = 'stored' in outputs ? outputs.stored : [];
  const gone = stored.filter(
    ({ asset_id: id }) => assetIds === undefined || (id !== undefined && assetIds.includes(id)),
  );
  const notes = gone.map(({ index = 0 }) => `Output ${index} ${deletedNote}`);
  const earlier = (outputs.notes ?? []).filter(
    (note) => assetIds !== undefined || note.endsWith(deletedNote),
  );
  const all = [...new Set([...earlier, ...notes])];
  const kept: RunOutputs = {
    stored: stored.filter((output) => !gone.includes(output)),
    ...(all.length === 0 ? {} : { notes: all }),
  };
  return JSON.stringify(kept);
}
