import type { Selectable } from 'kysely';
import type { Database, Queries } from '../database.ts';
import type { WebhookDeliveryTable } from '../schema.ts';
import { skipLocked } from '../skip-locked.ts';

export type WebhookDeliveryRow = Selectable<WebhookDeliveryTable>;

/** Takes webhooks that are due and that no replica is sending. */
export async function leaseDueDeliveries(
  database: Database,
  request: { now: number; leaseMs: number; limit: number },
): Promise<WebhookDeliveryRow[]> {
  const { now, leaseMs, limit } = request;
  return database.queries
    .with('due', (queries) =>
      queries
        .selectFrom('webhook_deliveries')
        .select('delivery_id as due_id')
        .where('next_attempt_at', '<=', now)
        .where((eb) => eb.or([eb('lease_until', 'is', null), eb('lease_until', '<=', now)]))
        .orderBy('next_attempt_at')
        .limit(limit)
        .$call(skipLocked(database.dialect)),
    )
    .updateTable('webhook_deliveries')
    .set({ lease_until: now + leaseMs })
    .where('delivery_id', 'in', (eb) => eb.selectFrom('due').select('due.due_id'))
    .returningAll()
    .execute();
}

/** Books one attempt; `nextAttemptAt` null ends the delivery, sent or given up. */
export async function settleDelivery(
  queries: Queries,
  delivery: Pick<WebhookDeliveryRow, 'delivery_id' | 'attempts' | 'lease_until'>,
  result: { status: number | null; deliveredAt: number | null; nextAttemptAt: number | null },
): Promise<void> {
  await queries
    .updateTable('webhook_deliveries')
    .set({
      attempts: delivery.attempts + 1,
      last_status: result.status,
      delivered_at: result.deliveredAt,
      next_attempt_at: result.nextAttemptAt,
      lease_until: null,
    })
    .where('delivery_id', '=', delivery.delivery_id)
    .where('lease_until', '=', delivery.lease_until)
    .execute();
}
