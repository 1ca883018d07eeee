import { createHmac } from 'node:crypto';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import {
  eventSecretPurpose,
  readDeliveries,
  readEventKey,
  replayWebhook,
  Secret,
  subscribeClientEvents,
  unsubscribeClientEvents,
} from '@inferry/contracts';
import { setLimit } from '@inferry/database';
import { sealText } from '@inferry/seals';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { succeeded } from '../testing/platform.ts';
import { alice, bob, createWorld, fastTimings, type World } from '../testing/world.ts';

const options = {
  webhookSecret: new Secret(Buffer.alloc(32, 7).toString('base64url')),
  allowLoopbackWebhooks: true,
  timings: { ...fastTimings, webhookTimeoutMs: 60_000 },
};
const secretOf = (fill: number) => `whsec_${Buffer.alloc(24, fill).toString('base64')}`;

interface Message {
  headers: IncomingHttpHeaders;
  body: string;
}

let world: World;
/** Of events; questions whether it wants to be told stand apart. */
let messages: Message[];
let questions: Message[];
let statuses: number[];
let answers: (challenge: unknown) => unknown;
let url: string;
const server = createServer(async (request, response) => {
  const message = { headers: request.headers, body: await text(request) };
  const { type, challenge } = JSON.parse(message.body);
  if (type === 'verification') {
    questions.push(message);
    return response.writeHead(200).end(JSON.stringify({ challenge: answers(challenge) }));
  }
  messages.push(message);
  return response.writeHead(statuses.shift() ?? 204).end();
});

beforeEach(async () => {
  messages = [];
  questions = [];
  statuses = [];
  answers = (challenge) => challenge;
  world = await createWorld();
  world.platform.endsAs = succeeded('hello');
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // as: a TCP server that listens has an address of this kind.
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
});
afterEach(async () => {
  await world.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

async function subscribe(changes: object = {}, { fill = 1, principal = alice } = {}) {
  const { public_key: key = '' } = await world.ask(readEventKey, {}, principal);
  const secret = sealText(new Secret(secretOf(fill)), key, eventSecretPurpose);
  const asked = { name: 'run.finished', arguments: {}, url, secret, cursor: null, ...changes } as const;
  return world.ask(subscribeClientEvents, asked, principal);
}
const finished = async () => (await world.run()).run?.run_id ?? '';
const bodies = () => messages.map(({ body }) => JSON.parse(body));
const told = () => bodies().map(({ data }) => data?.run_id);
const isSignedBy = (fill: number, { headers, body }: Message = { headers: {}, body: '' }) => {
  const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
  const signature = createHmac('sha256', Buffer.alloc(24, fill)).update(signed).digest('base64');
  return String(headers['webhook-signature']).split(' ').includes(`v1,${signature}`);
};

describe('a subscription to events', () => {
  it('is asked about at its address first, and told what happens from then on, signed by its own secret', async () => {
    await world.addReplica(options);
    await finished();

    const { subscription } = await subscribe();
    const runId = await finished();
    await vi.waitFor(() => expect(told()).toEqual([runId]), 30_000);

    const [message] = messages;
    expect(questions).toHaveLength(1);
    expect(isSignedBy(1, questions[0])).toBe(true);
    expect(questions[0]?.headers['webhook-id']).toMatch(/^msg_verification_/);
    expect(isSignedBy(1, message)).toBe(true);
    expect(message?.headers).toMatchObject({
      'content-type': 'application/json',
      'x-mcp-subscription-id': subscription?.id,
      'webhook-id': bodies()[0]?.eventId,
    });
    expect(bodies()[0]).toMatchObject({
      ...{
        eventId: expect.stringMatching(`^${runId}:finished:\\d+$`),
        name: 'run.finished',
        cursor: expect.any(String),
      },
      data: { run_id: runId, status: 'succeeded', model: 'scripted/model' },
    });
    expect(subscription).toMatchObject({ truncated: false, is_renewed: false });
  });

  it.each(['something else', undefined, 7])(
    'is none where whoever is there does not say yes: %s',
    async (answer: unknown) => {
      answers = () => answer;
      await world.addReplica(options);

      expect(await subscribe()).toEqual({ refusal: { kind: 'unreachable', reason: 'challenge_failed' } });
      await finished();
      const rows = await world.database.queries.selectFrom('event_subscriptions').selectAll().execute();
      expect(rows).toEqual([]);
    },
  );

  it.each([
    'http://example.com/hook',
    'https://10.0.0.1/hook',
    'https://169.254.169.254/latest',
    'https://user:pass@example.com',
    'https://example.com:22/hook',
  ])('goes to no such address: %s', async (to) => {
    await world.addReplica(options);

    await expect(subscribe({ url: to })).rejects.toMatchObject({ code: 'validation_failed' });
    expect(questions).toEqual([]);
  });

  it('is sent again until it is taken, under one id, and its owner sees and repeats it', async () => {
    await world.addReplica(options);
    await subscribe();
    statuses = [500, 302];
    const runId = await finished();
    const rows = () => world.database.queries.selectFrom('webhook_deliveries').selectAll().execute();
    await vi.waitFor(async () => expect(await rows()).toMatchObject([{ attempts: 3 }]), 30_000);
    const read = async (principal = alice) =>
      (await world.ask(readDeliveries, { run_id: runId, limit: 10 }, principal)).deliveries;
    const [delivery] = await read();

    expect(new Set(messages.slice(0, 3).map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    const event = messages[0]?.headers['webhook-id'];
    expect(delivery).toMatchObject({ state: 'delivered', attempts: 3, url, event });
    expect(await read(bob)).toEqual([]);
    await world.ask(replayWebhook, { delivery_id: delivery?.delivery_id ?? '' });
    await vi.waitFor(() => expect(told().filter((id) => id === runId)).toHaveLength(4), 30_000);
  });

  it('is renewed by the same call, asks nobody again, and signs with both secrets for a while', async () => {
    await world.addReplica(options);
    const { subscription: first } = await subscribe({ ttl_ms: 120_000 });

    const { subscription: again } = await subscribe({ ttl_ms: 600_000 }, { fill: 2 });
    await finished();
    await vi.waitFor(() => expect(messages).toHaveLength(1), 30_000);

    expect(questions).toHaveLength(1);
    expect(again).toMatchObject({ id: first?.id, is_renewed: true });
    expect(Date.parse(again?.refresh_before ?? '')).toBeGreaterThan(Date.parse(first?.refresh_before ?? ''));
    expect([1, 2].map((fill) => isSignedBy(fill, messages[0]))).toEqual([true, true]);
    world.skipped += 11 * 60_000;
    await subscribe({ ttl_ms: 600_000 }, { fill: 2 });
    await finished();
    await vi.waitFor(() => expect(messages).toHaveLength(2), 30_000);
    expect([1, 2].map((fill) => isSignedBy(fill, messages[1]))).toEqual([false, true]);
  });

  it('outlives a change of the deployment’s secret: what comes after the next renewal is signed', async () => {
    const { service, bus } = await world.addReplica(options);
    await subscribe();
    await service.close();
    await bus.close();
    const other = new Secret(Buffer.alloc(32, 8).toString('base64url'));
    await world.addReplica({ ...options, webhookSecret: other });
    const waiting = await finished();
    await vi.waitFor(async () => {
      const rows = await world.database.queries.selectFrom('webhook_deliveries').selectAll().execute();
      expect(rows).toMatchObject([{ run_id: waiting, last_problem: 'not_allowed', delivered_at: null }]);
    }, 30_000);

    expect((await subscribe()).subscription).toMatchObject({ is_renewed: true });
    world.skipped += 60_000;

    await vi.waitFor(() => expect(told()).toEqual([waiting]), 30_000);
    expect(isSignedBy(1, messages[0])).toBe(true);
  });

  it('that nobody renewed is over; the next one goes on from its cursor', async () => {
    await world.addReplica(options);
    const { subscription } = await subscribe({ ttl_ms: 60_000 });
    world.skipped += 61_000;
    const missed = await finished();
    await vi.waitFor(async () => {
      const rows = await world.database.queries.selectFrom('event_subscriptions').selectAll().execute();
      expect(rows[0]?.next_look_at).toBeNull();
    }, 30_000);
    expect(messages).toEqual([]);

    await subscribe({ cursor: subscription?.cursor });

    await vi.waitFor(() => expect(told()).toEqual([missed]), 30_000);
  });

  it('is ended by its owner alone', async () => {
    await world.addReplica(options);
    await subscribe();
    const wanted = { name: 'run.finished', arguments: {}, url } as const;

    expect(await world.ask(unsubscribeClientEvents, wanted, bob)).toEqual({ found: false });
    expect(await world.ask(unsubscribeClientEvents, wanted)).toEqual({ found: true });
    expect(await world.ask(unsubscribeClientEvents, wanted)).toEqual({ found: false });
    await finished();
    const rows = await world.database.queries.selectFrom('webhook_deliveries').selectAll().execute();
    expect(rows).toEqual([]);
  });

  it('ends with the access that it was made by, and its receiver hears that last', async () => {
    await world.addReplica(options);
    const mine = { ...alice, grant_id: 'grant_a' };
    await subscribe({}, { principal: mine });
    await world.database.queries.insertInto('revocations').values({ grant_id: 'grant_a', at: 1 }).execute();

    await finished();
    await vi.waitFor(() => expect(messages).toHaveLength(1), 30_000);

    expect(bodies()[0]).toMatchObject({ type: 'terminated', error: { code: -32_012 } });
    expect(messages[0]?.headers['webhook-id']).toMatch(/^msg_terminated_/);
    await finished();
    expect(await world.database.queries.selectFrom('webhook_deliveries').selectAll().execute()).toHaveLength(
      1,
    );
  });

  it('is told once by two replicas, and of nobody else’s runs', async () => {
    await world.addReplica(options);
    await world.addReplica(options);
    await subscribe();
    await world.run({}, { principal: bob });
    const ids = await Promise.all(Array.from({ length: 8 }, finished));

    await vi.waitFor(() => expect(new Set(told())).toEqual(new Set(ids)), 30_000);

    expect(messages).toHaveLength(8);
  });

  it('of budgets and of the catalog is told too', async () => {
    await world.addReplica(options);
    await subscribe({ name: 'catalog.changed' });
    await world.database.queries
      .insertInto('catalog_snapshots')
      .values({
        ...{ provider: 'p', version: 2, etag: '', model_count: 7 },
        ...{ synced_at: Date.now(), checked_at: 0, error: null },
      })
      .execute();
    world.skipped += 6_000;

    await vi.waitFor(
      () => expect(bodies()).toMatchObject([{ name: 'catalog.changed', data: { provider: 'p', models: 7 } }]),
      30_000,
    );
  });
});

describe('a budget that is reached', () => {
  const day = 86_400_000;
  const limit = (span: string, limitMicros: number) =>
    setLimit(world.database.queries, {
      ...{ scope: 'subject', value: 'alice', span, timeZone: 'UTC', currency: 'USD', limitMicros },
    });
  const spend = async () => (await world.run({ input: { price: 0.07 } })).run?.status;
  const periods = () => bodies().map(({ data }) => data?.period);
  /** Time passes, and its subscription is looked at afterwards. */
  async function pass(ms: number): Promise<void> {
    world.skipped += ms;
    const until = Date.now() + world.skipped;
    await vi.waitFor(async () => {
      const rows = await world.database.queries
        .selectFrom('event_subscriptions')
        .select('next_look_at')
        .execute();
      expect(Number(rows[0]?.next_look_at)).toBeGreaterThan(until);
    }, 30_000);
  }

  it('is told once of each budget and window, signed, and until it is taken', async () => {
    // No day ends before the test says so.
    world.skipped = 1.5 * day - (Date.now() % day);
    await world.addReplica(options);
    await world.addReplica(options);
    await limit('day', 70_000);
    await limit('total', 140_000);
    await subscribe({ name: 'budget.reached', ttl_ms: null });
    statuses = [503];

    await spend();
    await vi.waitFor(() => expect(messages).toHaveLength(1), 30_000);
    await vi.waitFor(() => expect(messages).toHaveLength(2), 30_000);
    expect((await world.run({ input: { price: 0.07 } })).error?.code).toBe('budget_exceeded');
    await pass(60_000);
    expect(periods()).toEqual(['day', 'day']);
    // The next day the budget of a day is another one, and what is left in all is spent.
    await pass(day - ((Date.now() + world.skipped) % day) + 1_000);
    await subscribe({ name: 'budget.reached', ttl_ms: null });
    await spend();
    await vi.waitFor(() => expect(messages).toHaveLength(4), 30_000);
    await pass(60_000);

    expect(periods().slice(2).sort()).toEqual(['day', 'total']);
    const ids = messages.map(({ headers }) => headers['webhook-id']);
    expect([new Set(ids).size, ids[0] === ids[1]]).toEqual([3, true]);
    expect(bodies().map(({ eventId }) => eventId)).toEqual(ids);
    expect(messages.map((message) => isSignedBy(1, message))).toEqual([true, true, true, true]);
    expect(bodies()[0]).toMatchObject({
      name: 'budget.reached',
      data: {
        scope: 'subject',
        period: 'day',
        currency: 'USD',
        resets_at: expect.stringMatching(/T00:00:00/),
      },
    });
  });

  it('is told of again where it had room in between and has no periods', async () => {
    await world.addReplica(options);
    await limit('rolling:1h', 70_000);
    await subscribe({ name: 'budget.reached', ttl_ms: null });

    await spend();
    await vi.waitFor(() => expect(messages).toHaveLength(1), 30_000);
    await pass(30 * 60_000);
    expect(messages).toHaveLength(1);
    await pass(60 * 60_000);
    await spend();
    await vi.waitFor(() => expect(messages).toHaveLength(2), 30_000);
    await pass(60_000);

    expect(periods()).toEqual(['rolling:1h', 'rolling:1h']);
    expect(new Set(bodies().map(({ eventId }) => eventId)).size).toBe(2);
  });

  it('is told to those it holds, of one that others share without what they spent', async () => {
    await world.addReplica(options);
    await setLimit(world.database.queries, {
      ...{ scope: 'deployment', value: '', span: 'total', timeZone: 'UTC', currency: 'USD' },
      limitMicros: 70_000,
    });
    await subscribe({ name: 'budget.reached' });

    await world.run({ input: { price: 0.07 } }, { principal: bob });
    world.skipped += 6_000;
    await vi.waitFor(() => expect(messages).toHaveLength(1), 30_000);

    expect(bodies()[0]?.data).toEqual({ scope: 'deployment', period: 'total', currency: 'USD' });
  });
});
