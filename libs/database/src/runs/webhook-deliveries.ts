/** Webhooks out: each is a row, sent by whoever comes first, looked at by its owner and by operators. */
import { type Selectable, sql } from 'kysely';
import { addAudit } from '../audit/audit.ts';
import type { Database, Queries } from '../database.ts';
import type { WebhookDeliveryTable } from '../schema.ts';
import { skipLocked } from '../skip-locked.ts';

export type WebhookDeliveryRow = Selectable<WebhookDeliveryTable>;

/** Takes webhooks that are due and that no replica is sending; `busy`: origins of receivers that get no more now. */
export async function leaseDueDeliveries(
  database: Database,
  request: { now: number; leaseMs: number; limit: number; busy?: readonly string[] },
): Promise<WebhookDeliveryRow[]> {
  const { now, leaseMs, limit, busy = [] } = request;
  return database.queries
    .with('due', (queries) =>
      queries
        .selectFrom('webhook_deliveries')
        .select('delivery_id as due_id')
        .where('next_attempt_at', '<=', now)
        .where((eb) => eb.or([eb('lease_until', 'is', null), eb('lease_until', '<=', now)]))
        .where((eb) => eb.and(busy.map((origin) => sql<boolean>`${isAt(origin)} = 0`)))
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

/** 1 where a webhook goes to this origin. */
function isAt(origin: string) {
  const at = (end: string) => sql`substr(url, 1, ${origin.length + end.length}) = ${origin + end}`;
  return sql`(case when url = ${origin} or ${sql.join(['/', '?', '#'].map(at), sql` or `)} then 1 else 0 end)`;
}

/** Gives one back that was leased and not sent: no attempt was made. */
export async function returnDelivery(
  queries: Queries,
  delivery: Pick<WebhookDeliveryRow, 'delivery_id' | 'lease_until'>,
): Promise<void> {
  await queries
    .updateTable('webhook_deliveries')
    .set({ lease_until: null })
    .where('delivery_id', '=', delivery.delivery_id)
    .where('lease_until', '=', delivery.lease_until)
    .execute();
}

/** Books one attempt; `nextAttemptAt` null ends the delivery, sent or given up. */
export async function settleDelivery(
  queries: Queries,
  delivery: Pick<WebhookDeliveryRow, 'delivery_id' | 'attempts' | 'lease_until'>,
  result: {
    at: number;
    status: number | null;
    problem: string | null;
    deliveredAt: number | null;
    nextAttemptAt: number | null;
  },
): Promise<void> {
  await queries
    .updateTable('webhook_deliveries')
    .set({
      attempts: delivery.attempts + 1,
      last_status: result.status,
      last_attempt_at: result.at,
      last_problem: result.problem,
      delivered_at: result.deliveredAt,
      next_attempt_at: result.nextAttemptAt,
      lease_until: null,
    })
    .where('delivery_id', '=', delivery.delivery_id)
    .where('lease_until', '=', delivery.lease_until)
    .execute();
}

export const deliveryStates = ['delivered', 'waiting', 'given_up'] as const;
export type DeliveryState = (typeof deliveryStates)[number];

export function deliveryStateOf(
  row: Pick<WebhookDeliveryRow, 'delivered_at' | 'next_attempt_at'>,
): DeliveryState {
  if (row.delivered_at !== null) return 'delivered';
  return row.next_attempt_at === null ? 'given_up' : 'waiting';
}

export interface DeliveryFilter {
  /** Whose runs they tell of; undefined: everybody's. */
  subject?: string | undefined;
  runId?: string | undefined;
  state?: DeliveryState | undefined;
  /** Where the page before ended. */
  before?: { createdAt: number; id: string } | undefined;
  limit: number;
}

/** Whose a webhook is: of whoever subscribed, else of whose run it tells. */
const ownerOf = sql<string | null>`coalesce(webhook_deliveries.subject, runs.subject)`;

/** Webhooks out, newest first; those that are older than their times are last. */
export async function listDeliveries(
  queries: Queries,
  filter: DeliveryFilter,
): Promise<Omit<WebhookDeliveryRow, 'body'>[]> {
  const madeAt = sql<number>`coalesce(webhook_deliveries.created_at, 0)`;
  let query = queries
    .selectFrom('webhook_deliveries')
    .leftJoin('runs', 'runs.run_id', 'webhook_deliveries.run_id')
    .select([
      ...(['delivery_id', 'url', 'attempts', 'next_attempt_at', 'delivered_at', 'last_status'] as const),
      ...(['last_attempt_at', 'last_problem', 'message_id', 'subscription_id'] as const),
    ])
    .select(['webhook_deliveries.run_id', 'webhook_deliveries.lease_until', 'webhook_deliveries.created_at'])
    .select('webhook_deliveries.subject');
  if (filter.subject !== undefined) query = query.where(ownerOf, '=', filter.subject);
  if (filter.runId !== undefined) query = query.where('webhook_deliveries.run_id', '=', filter.runId);
  if (filter.state === 'delivered') query = query.where('delivered_at', 'is not', null);
  else if (filter.state !== undefined) {
    query = query
      .where('delivered_at', 'is', null)
      .where('next_attempt_at', filter.state === 'waiting' ? 'is not' : 'is', null);
  }
  const { before } = filter;
  if (before !== undefined) {
    query = query.where(
      sql<boolean>`(${madeAt} < ${before.createdAt} or (${madeAt} = ${before.createdAt} and delivery_id < ${before.id}))`,
    );
  }
  return query.orderBy(madeAt, 'desc').orderBy('delivery_id', 'desc').limit(filter.limit).execute();
}

/**
 * Sends a webhook again from the beginning of its attempts; `'busy'` while one is under way, `'emptied'` where what it told was
 * deleted, undefined where there is no such, or none of this subject's. The trail tells who did.
 */
export async function replayDelivery(
  { queries }: Database,
  delivery: { id: string; now: number; subject?: string | undefined; actor: string },
): Promise<'replayed' | 'busy' | 'emptied' | undefined> {
  const { id, now, subject, actor } = delivery;
  let query = queries
    .selectFrom('webhook_deliveries')
    .leftJoin('runs', 'runs.run_id', 'webhook_deliveries.run_id')
    .select(['webhook_deliveries.body', ownerOf.as('owner')])
    .where('delivery_id', '=', id);
  if (subject !== undefined) query = query.where(ownerOf, '=', subject);
  const known = await query.executeTakeFirst();
  if (known === undefined) return undefined;
  if (known.body === '') return 'emptied';
  const row = await queries
    .updateTable('webhook_deliveries')
    .set({ attempts: 0, next_attempt_at: now, delivered_at: null, lease_until: null })
    .where('delivery_id', '=', id)
    .where('body', '<>', '')
    .where((eb) => eb.or([eb('lease_until', 'is', null), eb('lease_until', '<=', now)]))
    .returning('delivery_id')
    .executeTakeFirst();
  if (row === undefined) return 'busy';
  await addAudit(queries, {
    at: now,
    actor,
    action: 'webhook.replayed',
    subject: known.owner ?? '',
    object: id,
  });
  return 'replayed';
}
