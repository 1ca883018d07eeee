/** The webhooks of the caller's runs: how far each came, and once more from the beginning. */
import type { Handler } from '@inferry/bus';
import { AppError, type readDeliveries, type replayWebhook, type WebhookDelivery } from '@inferry/contracts';
import { deliveryStateOf, listDeliveries, replayDelivery } from '@inferry/database';
import { createCursors } from '@inferry/runtime';
import { z } from 'zod';
import type { InferenceDeps } from '../deps.ts';

const Place = z.object({ createdAt: z.number(), id: z.string() });
const cursors = createCursors({ place: Place, of: 'list' });

type Row = Awaited<ReturnType<typeof listDeliveries>>[number];

export function handleReadDeliveries({
  database,
}: Pick<InferenceDeps, 'database'>): Handler<typeof readDeliveries> {
  return async ({ run_id: runId, state, limit, cursor }, { principal }) => {
    const { subject } = principal;
    const query = [subject, runId, state];
    const before = cursor === undefined ? undefined : cursors.read(query, cursor);
    const wanted = { subject, runId, state, before, limit: limit + 1 };
    const rows = await listDeliveries(database.queries, wanted);
    const shown = rows.slice(0, limit);
    const last = shown.at(-1);
    const next =
      rows.length > limit && last !== undefined
        ? {
            next_cursor: cursors.write(query, {
              createdAt: Number(last.created_at ?? 0),
              id: last.delivery_id,
            }),
          }
        : {};
    return { deliveries: shown.map(toDelivery), ...next };
  };
}

export function toDelivery(row: Row): WebhookDelivery {
  const time = (name: string, at: number | null) =>
    at === null ? {} : { [name]: new Date(Number(at)).toISOString() };
  return {
    ...{ delivery_id: row.delivery_id, run_id: row.run_id, url: row.url },
    ...(row.message_id === null ? {} : { event: row.message_id }),
    ...{ state: deliveryStateOf(row), attempts: Number(row.attempts) },
    ...time('created_at', row.created_at),
    ...time('last_attempt_at', row.last_attempt_at),
    ...(row.last_status === null ? {} : { last_status: Number(row.last_status) }),
    ...(row.last_problem === null ? {} : { last_problem: row.last_problem }),
    ...time('next_attempt_at', row.next_attempt_at),
    ...time('delivered_at', row.delivered_at),
  };
}

export function handleReplayWebhook({
  database,
  now,
}: Pick<InferenceDeps, 'database' | 'now'>): Handler<typeof replayWebhook> {
  return async ({ delivery_id: id }, { principal }) => {
    const { subject } = principal;
    const outcome = await replayDelivery(database, { id, subject, now: now(), actor: subject });
    if (outcome === 'busy') {
      throw new AppError('busy', 'This webhook is just being sent.', { retryAfterSeconds: 15 });
    }
    if (outcome === 'replayed') return {};
    throw new AppError(
      'webhook_not_found',
      'There is no such webhook of your runs, or what it told was deleted.',
    );
  };
}
