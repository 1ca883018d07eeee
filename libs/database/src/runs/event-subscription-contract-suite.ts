/** What both databases do alike with subscriptions to events: one place, moved by one replica, and no message twice. */
import { describe, expect, it } from 'vitest';
import type { Database } from '../database.ts';
import {
  endSubscription,
  findSubscription,
  isGrantRevoked,
  listSubscribers,
  putSubscription,
  readSubscriber,
  readSubscriberHealth,
  renewSubscription,
  sweepSubscriptions,
  takeDueSubscriptions,
  tellSubscriber,
} from './event-subscriptions.ts';
import { listDeliveries, replayDelivery } from './webhook-deliveries.ts';

interface SubscriptionWorld {
  database(): Database;
  now: number;
}

export function describeEventSubscriptions({ database, now }: SubscriptionWorld): void {
  const url = 'https://example.com/hook';
  const put = (id = 'sub_1', changes: object = {}) =>
    putSubscription(database().queries, {
      ...{ subscription_id: id, subject: 'alice', client: '', grant_id: 'g', name: 'run.finished' },
      ...{ arguments: '{}', url, secret: '{}', secret_before: null, secret_until: null, position: 'a' },
      ...{ settled: 'a', created_at: now, expires_at: now + 1_000, next_look_at: now, ended_at: null },
      ...changes,
    });
  const message = (id: string) => ({
    ...{ delivery_id: id, run_id: '', url, body: '{}', attempts: 0, next_attempt_at: now, created_at: now },
    ...{ subject: 'alice', subscription_id: 'sub_1', message_id: `${id}:event` },
    ...{ lease_until: null, delivered_at: null, last_status: null },
  });
  const tell = (from: string, to: string, ...ids: string[]) =>
    tellSubscriber(database(), {
      ...{ id: 'sub_1', from, to: { position: to, settled: from }, deliveries: ids.map(message) },
    });

  describe('a subscription to events', () => {
    it('is moved on by one of many, with what is to be sent, and nothing of it twice', async () => {
      await put();
      const moved = await Promise.all([tell('a', 'b', 'm1', 'm2'), tell('a', 'b', 'm1', 'm2')]);

      expect(moved.sort()).toEqual([false, true]);
      expect(await tell('b', 'c', 'm2', 'm3')).toBe(true);
      const all = await listDeliveries(database().queries, { subject: 'alice', limit: 10 });
      expect(all.map(({ delivery_id: id }) => id).sort()).toEqual(['m1', 'm2', 'm3']);
      expect(await listDeliveries(database().queries, { subject: 'bob', limit: 10 })).toEqual([]);
      const replay = { id: 'm1', now, actor: 'bob', subject: 'bob' };
      expect(await replayDelivery(database(), replay)).toBeUndefined();
      expect(await replayDelivery(database(), { ...replay, subject: 'alice' })).toBe('replayed');
      expect(await findSubscription(database().queries, 'sub_1')).toMatchObject({
        position: 'c',
        settled: 'b',
      });
    });

    it('is taken by one replica at a time, by time or by whose it is', async () => {
      await put();
      const request = { now, nextAt: now + 5, limit: 9 };
      const taken = await Promise.all([1, 2, 3].map(() => takeDueSubscriptions(database(), request)));

      expect(taken.flat()).toHaveLength(1);
      expect(await takeDueSubscriptions(database(), { ...request, subject: 'bob' })).toEqual([]);
      expect(await takeDueSubscriptions(database(), { ...request, subject: 'alice' })).toHaveLength(1);
      expect(await listSubscribers(database().queries)).toEqual(new Set(['alice']));
    });

    it('is kept going, ends with what was on its way, and is forgotten', async () => {
      await put();
      await tell('a', 'b', 'm1');
      await renewSubscription(database().queries, 'sub_1', {
        ...{ expires_at: now + 9_000, secret: '{"new":1}', secret_before: '{}', secret_until: now + 5 },
      });
      const reader = { subject: 'alice', url, now: now + 5_000 };
      expect(await readSubscriber(database().queries, reader)).toEqual({ open: 1, isVerified: true });
      expect(await readSubscriberHealth(database().queries, 'sub_1')).toMatchObject({ pending: 1 });

      expect(await endSubscription(database(), 'sub_1', now + 1)).toBe(true);
      expect(await endSubscription(database(), 'sub_1', now + 2)).toBe(false);

      expect(await tell('b', 'c', 'm2')).toBe(false);
      expect(await readSubscriberHealth(database().queries, 'sub_1')).toMatchObject({ pending: 0 });
      expect(await readSubscriber(database().queries, reader)).toEqual({ open: 0, isVerified: false });
      await sweepSubscriptions(database().queries, now + 5);
      expect(await findSubscription(database().queries, 'sub_1')).toBeUndefined();
    });

    it('tells when it was taken last and since when it fails, and whether its grant is gone', async () => {
      await put();
      await tell('a', 'b', 'm1', 'm2');
      const set = (id: string, changes: object) =>
        database()
          .queries.updateTable('webhook_deliveries')
          .set(changes)
          .where('delivery_id', '=', id)
          .execute();
      await set('m1', { delivered_at: now + 1, next_attempt_at: null, last_attempt_at: now + 1 });
      await set('m2', { last_attempt_at: now + 2, last_status: 500, last_problem: 'status' });

      expect(await readSubscriberHealth(database().queries, 'sub_1')).toEqual({
        ...{ pending: 1, deliveredAt: now + 1 },
        failing: { status: 500, problem: 'status', since: now },
      });
      expect(await isGrantRevoked(database().queries, 'g')).toBe(false);
      await database().queries.insertInto('revocations').values({ grant_id: 'g', at: now }).execute();
      expect(await isGrantRevoked(database().queries, 'g')).toBe(true);
    });
  });
}
