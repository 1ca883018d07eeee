import type { Handler } from '@inferry/bus';
import { AppError, callOf, type getTask, hint, listRuns, type Principal } from '@inferry/contracts';
import { findRun, findRunsByUpstreamId, type RunRow } from '@inferry/database';
import type { Provider } from '@inferry/providers';
import type { InferenceDeps } from '../deps.ts';
import { toContext } from '../poller/held-run.ts';
import { failureOf } from '../runs/failed-run.ts';
import { toNativeRun } from '../runs/native-run.ts';
import { optionsOf, shownInputOf } from '../runs/run-document.ts';

const runId = /^run_[\w-]{1,60}$/;

/**
 * A task by its platform's id. The caller's own runs are told from what is kept here; what is none of them is asked for at
 * the platform with the caller's own key. Of a key that is shared nobody is told more than their own: its tasks are others'.
 */
export function handleGetTask(deps: InferenceDeps): Handler<typeof getTask> {
  return async ({ provider: slug, task_id: taskId }, { principal, signal }) => {
    const found = await findTaskRun(deps, { slug, taskId }, principal);
    if (found.own !== undefined) return describe(found.own);
    const provider = deps.providers.get(slug);
    if (found.isForeign || provider?.readTask === undefined || runId.test(taskId)) throw noSuchTask();
    const record = await askPlatform(deps, provider, { taskId, principal, signal });
    if (record === undefined) throw noSuchTask();
    return { record };
  };
}

function describe(row: RunRow): Awaited<ReturnType<Handler<typeof getTask>>> {
  const error = failureOf(row);
  const { caller: options } = optionsOf(row);
  return {
    ...toNativeRun(row, {}),
    input: shownInputOf(row),
    ...(Object.keys(options).length > 0 && { options }),
    ...(error !== undefined && { error }),
  };
}

/** By a run's id, by the caller's own key for it, or by the platform's id. */
async function findTaskRun(
  { database: { queries } }: InferenceDeps,
  { slug, taskId }: { slug: string; taskId: string },
  { subject }: Principal,
): Promise<{ own: RunRow | undefined; isForeign: boolean }> {
  const keys = [...(runId.test(taskId) ? [{ runId: taskId }] : []), { clientRef: taskId }];
  const [rows, ...named] = await Promise.all([
    findRunsByUpstreamId(queries, slug, taskId),
    ...keys.map((key) => findRun(queries, { subject, ...key })),
  ]);
  const own = [...named, ...rows].find((row) => row?.subject === subject && row.provider === slug);
  return { own, isForeign: rows.length > 0 };
}

async function askPlatform(
  { credentials }: InferenceDeps,
  provider: Provider,
  { taskId, principal, signal }: { taskId: string; principal: Principal; signal: AbortSignal },
): ReturnType<NonNullable<Provider['readTask']>> {
  const key = await credentials.get(provider.slug, principal, { signal });
  if (key === undefined || (principal.kind !== 'local' && key.owner !== 'user')) return undefined;
  return provider.readTask?.(taskId, { signal, ...toContext(key) });
}

function noSuchTask(): AppError {
  return new AppError('run_not_found', 'You have no such task.', {
    nextAction: hint`${callOf(listRuns)} shows your runs.`,
  });
}
