/**
 * What runs keep of what went in and came out is deleted: at the platforms that can be asked, after an owner has deleted it here,
 * and here when it is older than it may be. Each step may be repeated by anybody.
 */
import { AppError } from '@inferry/contracts';
import {
  findAnyRun,
  forgetRunPayload,
  leasePayloadDeletions,
  listOverdueRuns,
  listPolicies,
  type PayloadDeletion,
  settlePayloadDeletion,
} from '@inferry/database';
import type { InferenceDeps } from '../deps.ts';
import { accessOf, toContext } from '../poller/held-run.ts';
import { canDelete, withoutAssets } from '../rpc/forget-payload.ts';
import { handleOf } from '../runs/run-document.ts';
import { jittered } from '../timings.ts';

const batchSize = 16;
const sweepSize = 100;
/** Waits before each further attempt: about a day in all. */
const retriesMs = [60_000, 300_000, 1_800_000, 7_200_000, 21_600_000, 43_200_000];

export interface PayloadKeeper {
  /** Asks the platforms for what is due. */
  askDue(): Promise<void>;
  /** Deletes here what is older than policies let it be; how many runs. */
  sweep(): Promise<number>;
}

export function createPayloadKeeper(deps: InferenceDeps): PayloadKeeper {
  const { queries } = deps.database;

  async function ask(deletion: PayloadDeletion): Promise<string> {
    const row = await findAnyRun(queries, deletion.run_id);
    const provider = deps.providers.get(deletion.provider);
    if (row === undefined || provider?.deletePayload === undefined) return 'not_offered';
    const signal = AbortSignal.timeout(deps.timings.pollTimeoutMs);
    const access = await accessOf(deps, row, signal);
    await provider.deletePayload(handleOf(row), { signal, ...toContext(access) });
    return 'deleted';
  }

  async function outcomeOf(deletion: PayloadDeletion): Promise<string | null> {
    try {
      return await ask(deletion);
    } catch (error) {
      const code = error instanceof AppError ? error.code : 'unknown';
      const { run_id: runId, provider, attempts } = deletion;
      deps.log.warn({ runId, provider, code }, 'a payload is not deleted');
      if (retriesMs[attempts] !== undefined) return null;
      return refusals.has(code) ? 'refused' : 'given_up';
    }
  }

  async function settle(deletion: PayloadDeletion): Promise<void> {
    const outcome = await outcomeOf(deletion);
    const waitMs = retriesMs[deletion.attempts];
    const isOver = outcome !== null || waitMs === undefined;
    const nextAttemptAt = isOver ? null : deps.now() + jittered(waitMs, deps.random);
    await settlePayloadDeletion(queries, deletion, { outcome, nextAttemptAt });
  }

  return {
    async askDue() {
      const leaseMs = deps.timings.pollTimeoutMs * 2;
      const due = await leasePayloadDeletions(deps.database, { now: deps.now(), leaseMs, limit: batchSize });
      await Promise.all(due.map(settle));
    },
    async sweep() {
      const policies = await listPolicies(queries);
      const now = deps.now();
      const overdue = await listOverdueRuns(queries, { policies, now, limit: sweepSize });
      for (const runId of overdue) {
        await forgetRunPayload(deps.database, {
          ...{ runId, now, actor: 'retention', isWhole: true },
          outputs: (row) => withoutAssets(row, undefined),
          isAsked: (row) => canDelete(deps, row),
        });
      }
      return overdue.length;
    },
  };
}

/** The key may not, or is not there any more. */
const refusals: ReadonlySet<string> = new Set(['unauthorized', 'forbidden', 'provider_not_connected']);
