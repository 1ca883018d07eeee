import { AppError } from '@inferry/contracts';
import { findAnyRun, type RunRow } from '@inferry/database';
import type { JobHandle, Provider, ProviderContext, WebhookVerdict } from '@inferry/providers';
import type { InferenceDeps } from '../deps.ts';
import type { ToldJob } from '../poller/held-run.ts';
import { idOf } from '../runs/run-document.ts';
import type { HookClaims } from './hook-token.ts';

export interface WebhookReceiverDeps extends Pick<InferenceDeps, 'database' | 'providers' | 'log'> {
  /** What a provider's adapter needs to verify a webhook of this run: for some the caller's key. */
  contextFor(row: RunRow, signal: AbortSignal): Promise<ProviderContext>;
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
  if (row.phase === 'done') return 'ended';
  const verdict = await readWith(provider, { headers, rawBody, runId }, await deps.contextFor(row, signal));
  if (verdict.outcome === 'ignored') return 'ignored';
  const reason = verdict.outcome === 'rejected' ? verdict.reason : faultOf(row, verdict.handle);
  if (reason !== undefined) {
    deps.log.warn({ runId, provider: provider.slug, reason: reason.slice(0, 100) }, 'a webhook was refused');
    return 'rejected';
  }
  if (verdict.outcome === 'job') await deps.tell(row, { handle: verdict.handle, view: verdict.view });
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
function faultOf(row: RunRow, handle: JobHandle | undefined): string | undefined {
  if (handle === undefined || row.upstream_id === null) return undefined;
  const id = idOf(handle);
  return id === null || id === row.upstream_id ? undefined : 'is about another job';
}
