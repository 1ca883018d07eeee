import { AppError } from '@inferry/contracts';
import { type Adoption, findAnyRun, hasJobOfOther, type RunRow } from '@inferry/database';
import type { JobHandle, Provider, ProviderContext, WebhookVerdict } from '@inferry/providers';
import type { InferenceDeps } from '../deps.ts';
import type { ToldJob } from '../poller/held-run.ts';
import { idOf, optionsOf } from '../runs/run-document.ts';
import type { HookClaims } from './hook-urls.ts';

export interface WebhookReceiverDeps extends Pick<InferenceDeps, 'database' | 'providers' | 'log'> {
  /** What a provider's adapter needs to verify a webhook of this run: for some the caller's key. */
  contextFor(row: RunRow, signal: AbortSignal): Promise<ProviderContext>;
  /** Gives a run the job that it was told of, whoever holds it. */
  adopt(job: { runId: string; handle: JobHandle; note: string }): Promise<Adoption>;
  /** Brings a run up to what was told of it, or makes it due wherever it is held. */
  tell(row: RunRow, told: ToldJob): Promise<void>;
}

export interface Webhook {
  claims: HookClaims;
  headers: Readonly<Record<string, string | undefined>>;
  rawBody: Uint8Array;
}

export type WebhookOutcome = 'told' | 'ignored' | 'ended' | 'rejected' | 'unknown';

/**
 * Takes one call of a platform. A second delivery finds a run that has ended, or tells it what it knows: nothing
 * happens twice. Errors are ours: the platform may send it again.
 */
export async function receiveWebhook(
  deps: WebhookReceiverDeps,
  { claims, headers, rawBody }: Webhook,
  signal: AbortSignal,
): Promise<WebhookOutcome> {
  const { runId } = claims;
  const row = await findAnyRun(deps.database.queries, runId);
  const provider = deps.providers.get(claims.provider);
  if (row === undefined || row.provider !== claims.provider || provider === undefined) return 'unknown';
  const { submits = 0 } = optionsOf(row);
  const isWithoutJob = row.handle === null && submits > 0;
  if (row.phase === 'done' && !isWithoutJob) return 'ended';
  const webhook = { headers, rawBody, runId, nativeId: row.native_id, attempts: Math.max(submits, 1) };
  const verdict = await readWith(provider, webhook, await deps.contextFor(row, signal));
  if (verdict.outcome === 'ignored') return 'ignored';
  const reason = verdict.outcome === 'rejected' ? verdict.reason : await faultOf(deps, row, verdict.handle);
  if (reason !== undefined) {
    deps.log.warn({ runId, provider: provider.slug, reason: reason.slice(0, 100) }, 'a webhook was refused');
    return 'rejected';
  }
  if (verdict.outcome !== 'job') return 'told';
  const { handle, view } = verdict;
  if (handle !== undefined && isWithoutJob) {
    // That it was taken is a fact, whatever was concluded from the silence.
    const adoption = await deps.adopt({ runId, handle, note: 'its provider told of its job' });
    if (adoption.outcome === 'gone') return 'ended';
  } else if (row.phase === 'done') return 'ended';
  await deps.tell(row, { handle, view });
  return 'told';
}

async function readWith(
  provider: Provider,
  webhook: Parameters<NonNullable<Provider['readWebhook']>>[0],
  context: ProviderContext,
): Promise<WebhookVerdict> {
  if (provider.readWebhook === undefined) return { outcome: 'rejected', reason: 'sends no webhooks' };
  try {
    return await provider.readWebhook(webhook, context);
  } catch (error) {
    // What cannot be read is not genuine; that its keys cannot be read now says nothing of it.
    if (error instanceof AppError && error.code !== 'validation_failed') throw error;
    return { outcome: 'rejected', reason: error instanceof Error ? error.name : 'unreadable' };
  }
}

/** A genuine message about another job than this run's is somebody's replay of it. */
async function faultOf(
  { database }: Pick<WebhookReceiverDeps, 'database'>,
  row: RunRow,
  handle: JobHandle | undefined,
): Promise<string | undefined> {
  const upstreamId = handle === undefined ? null : idOf(handle);
  if (upstreamId === null) return undefined;
  if (row.upstream_id !== null) {
    return upstreamId === row.upstream_id ? undefined : 'is about another job';
  }
  const job = { runId: row.run_id, provider: row.provider, upstreamId };
  return (await hasJobOfOther(database.queries, job)) ? 'is about the job of another run' : undefined;
}
