/** Who is told by webhook of what happens: each subscription with where it is, until it is ended or not renewed. */
import { type Insertable, type Selectable, sql } from 'kysely';
import type { Database, Queries } from '../database.ts';
import type { EventSubscriptionTable, WebhookDeliveryTable } from '../schema.ts';
import { skipLocked } from '../skip-locked.ts';

export type EventSubscriptionRow = Selectable<EventSubscriptionTable>;

export async function findSubscription(
  queries: Queries,
  id: string,
): Promise<EventSubscriptionRow | undefined> {
  const row = await queries
    .selectFrom('event_subscriptions')
    .selectAll()
    .where('subscription_id', '=', id)
    .executeTakeFirst();
  return row && { ...row, expires_at: Number(row.expires_at) };
}

/** Those of a subject that go on, and whether one of them goes to this receiver already. */
export async function readSubscriber(
  queries: Queries,
  { subject, url, now }: { subject: string; url: string; now: number },
): Promise<{ open: number; isVerified: boolean }> {
  const rows = await queries
    .selectFrom('event_subscriptions')
    .select('url')
    .where('subject', '=', subject)
    .where('ended_at', 'is', null)
    .where('expires_at', '>', now)
    .execute();
  return { open: rows.length, isVerified: rows.some((row) => row.url === url) };
}

/** In place of the one of before, where there was one. */
export async function putSubscription(
  queries: Queries,
  row: Insertable<EventSubscriptionTable>,
): Promise<void> {
  const { subscription_id: _id, created_at: _at, ...changes } = row;
  await queries
    .insertInto('event_subscriptions')
    .values(row)
    .onConflict((conflict) => conflict.column('subscription_id').doUpdateSet(changes))
    .execute();
}

/** Keeps one going; its place stays as it is. */
export async function renewSubscription(
  queries: Queries,
  id: string,
  changes: Pick<EventSubscriptionRow, 'expires_at' | 'secret' | 'secret_before' | 'secret_until'>,
): Promise<void> {
  await queries.updateTable('event_subscriptions').set(changes).where('subscription_id', '=', id).execute();
}

/** Nothing more is told of it; what is on its way is given up. False where there is none that goes on. */
export async function endSubscription(database: Database, id: string, at: number): Promise<boolean> {
  return database.transaction(async (queries) => {
    const { numUpdatedRows: count } = await queries
      .updateTable('event_subscriptions')
      .set({ ended_at: at, next_look_at: null })
      .where('subscription_id', '=', id)
      .where('ended_at', 'is', null)
      .executeTakeFirst();
    await queries
      .updateTable('webhook_deliveries')
      .set({ next_attempt_at: null, last_problem: 'unsubscribed' })
      .where('subscription_id', '=', id)
      .where('next_attempt_at', 'is not', null)
      .execute();
    return count > 0n;
  });
}

/** Takes subscriptions that are to be looked at, each by one replica at a time; of one subject where one is named. */
export async function takeDueSubscriptions(
  database: Database,
  request: { now: number; nextAt: number; limit: number; subject?: string | undefined },
): Promise<EventSubscriptionRow[]> {
  const { now, nextAt, limit, subject } = request;
  return database.queries
    .with('due', (queries) =>
      queries
        .selectFrom('event_subscriptions')
        .select('subscription_id as due_id')
        .where('next_look_at', 'is not', null)
        .$if(subject === undefined, (query) => query.where('next_look_at', '<=', now))
        .$if(subject !== undefined, (query) => query.where('subject', '=', subject ?? ''))
        .orderBy('next_look_at')
        .limit(limit)
        .$call(skipLocked(database.dialect)),
    )
    .updateTable('event_subscriptions')
    .set({ next_look_at: nextAt })
    .where('subscription_id', 'in', (eb) => eb.selectFrom('due').select('due.due_id'))
    .returningAll()
    .execute();
}

/** Whose events are told: what happens to others needs no look. */
export async function listSubscribers(queries: Queries): Promise<Set<string>> {
  const rows = await queries
    .selectFrom('event_subscriptions')
    .select('subject')
    .distinct()
    .where('next_look_at', 'is not', null)
    .execute();
  return new Set(rows.map(({ subject }) => subject));
}

/** Whether what its subscriber was let in by was revoked. */
export async function isGrantRevoked(queries: Queries, grantId: string): Promise<boolean> {
  const row = await queries
    .selectFrom('revocations')
    .select('seq')
    .where('grant_id', '=', grantId)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/**
 * Moves a subscription on and writes what is to be sent, both or neither; nothing where another replica did so. What was
 * written before is not written twice.
 */
export async function tellSubscriber(
  database: Database,
  told: {
    id: string;
    from: string;
    to: { position: string; settled: string };
    deliveries: readonly Insertable<WebhookDeliveryTable>[];
  },
): Promise<boolean> {
  const { id, from, to, deliveries } = told;
  return database.transaction(async (queries) => {
    const { numUpdatedRows: count } = await queries
      .updateTable('event_subscriptions')
      .set(to)
      .where('subscription_id', '=', id)
      .where('position', '=', from)
      .where('ended_at', 'is', null)
      .executeTakeFirst();
    if (count === 0n) return false;
    if (deliveries.length > 0)
      await queries
        .insertInto('webhook_deliveries')
        .values([...deliveries])
        .onConflict((conflict) => conflict.column('delivery_id').doNothing())
        .execute();
    return true;
  });
}

export interface SubscriberHealth {
  /** Sent and not taken yet. */
  pending: number;
  deliveredAt: number | undefined;
  /** Of the newest that was not taken, while there is one. */
  failing: { since: number; status: number | null; problem: string | null } | undefined;
}

export async function readSubscriberHealth(queries: Queries, id: string): Promise<SubscriberHealth> {
  const all = await queries
    .selectFrom('webhook_deliveries')
    .select([
      sql<number>`coalesce(sum(case when next_attempt_at is null then 0 else 1 end), 0)`.as('pending'),
      sql<number | null>`max(delivered_at)`.as('delivered'),
    ])
    .where('subscription_id', '=', id)
    .executeTakeFirstOrThrow();
  const failing = await queries
    .selectFrom('webhook_deliveries')
    .select(['last_status', 'last_problem', 'created_at', 'last_attempt_at'])
    .where('subscription_id', '=', id)
    .where('delivered_at', 'is', null)
    .where('last_problem', 'is not', null)
    .orderBy('last_attempt_at', 'desc')
    .limit(1)
    .executeTakeFirst();
  const deliveredAt = all.delivered === null ? undefined : Number(all.delivered);
  const isOld = failing !== undefined && Number(failing.last_attempt_at ?? 0) < (deliveredAt ?? 0);
  return {
    pending: Number(all.pending),
    deliveredAt,
    failing:
      failing === undefined || isOld
        ? undefined
        : {
            ...{ status: failing.last_status, problem: failing.last_problem },
            since: Number(failing.created_at ?? failing.last_attempt_at ?? 0),
          },
  };
}

/** Forgets subscriptions that ended, or that nobody renewed, before a moment. */
export async function sweepSubscriptions(queries: Queries, before: number): Promise<void> {
  await queries
    .deleteFrom('event_subscriptions')
    .where((eb) => eb.or([eb('ended_at', '<', before), eb('expires_at', '<', before)]))
    .execute();
}
