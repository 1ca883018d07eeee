import type { Handler } from '@inferry/bus';
import {
  catalogChanged,
  eventSecretPurpose,
  readClientEvents,
  readEventKey,
  readRevocations,
  runFinished,
  subscribeClientEvents,
  unsubscribeClientEvents,
  verifyKey,
} from '@inferry/contracts';
import { metaKeys } from '@inferry/mcp';
import { createRecipient } from '@inferry/seals';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { acceptStream, framesOf, modern, startTestGateway, type TestGateway } from '../test-gateway.ts';

let gateway: TestGateway;
/** What the owner of events was asked, and what it has to tell, in order. */
let asked: { name: string; cursor: string | null; arguments: object; limit: number }[];
let happened: string[];
let subjects: string[];

/** A cursor is how many were told. */
async function start(env: Record<string, string> = { EVENTS: '1' }): Promise<void> {
  gateway = await startTestGateway({
    env,
    serve: (services) =>
      services.serve(readClientEvents, async (input, { principal }) => {
        asked.push(input);
        subjects.push(principal.subject);
        const from = input.cursor === null ? happened.length : Number(input.cursor);
        const events = happened.slice(from, from + input.limit).map((id) => ({
          ...{ event_id: id, name: input.name, timestamp: '2031-01-01T00:00:00.000Z', data: { run_id: id } },
        }));
        const cursor = String(from + events.length);
        return { events, cursor, truncated: false, has_more: from + events.length < happened.length };
      }),
  });
}

beforeEach(() => {
  asked = [];
  subjects = [];
  happened = [];
});
afterEach(() => gateway.close());

async function ask(
  method: string,
  params: Record<string, unknown> = {},
  credential: Record<string, string> = {},
) {
  const { body, headers } = modern(method, params);
  const response = await fetch(gateway.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json', ...headers, ...credential },
    body: JSON.stringify({ ...body, id: 1 }),
  });
  return (await response.json()) as {
    result: Record<string, unknown>;
    error: { code: number; data: object };
  };
}

interface Open {
  text: string;
  isEnded: boolean;
  stop(): void;
}

async function stream(params: Record<string, unknown>): Promise<Open> {
  const { body, headers } = modern('events/stream', params);
  const abort = new AbortController();
  const response = await fetch(gateway.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...acceptStream, ...headers },
    body: JSON.stringify({ ...body, id: 'stream-1' }),
    signal: abort.signal,
  });
  const open: Open = { text: '', isEnded: false, stop: () => abort.abort() };
  const decoder = new TextDecoder();
  const reading = async () => {
    for await (const chunk of response.body ?? []) open.text += decoder.decode(chunk, { stream: true });
    open.isEnded = true;
  };
  void reading().catch(() => undefined);
  await vi.waitFor(() => expect(open.text).toContain('notifications/events/active'));
  return open;
}

const finished = (subject = 'local') =>
  gateway.services.publish(runFinished, {
    ...{ run_id: 'run_1', subject, version: 1, status: 'succeeded', model: 'p/m', provider: 'p' },
  });

const told = ({ text }: Open): unknown[] =>
  framesOf(text)
    .filter(({ method }) => method === 'notifications/events/event')
    .map(({ params }) => Object(params).eventId);

describe('events', () => {
  it('are not there unless the deployment says so', async () => {
    await start({});

    expect((await ask('events/list')).error.code).toBe(-32_601);
    expect(JSON.stringify((await ask('server/discover')).result.capabilities)).not.toContain('events');
  });

  it('are said to be there, and listed with their schemas and ways', async () => {
    await start();

    const { capabilities } = (await ask('server/discover')).result;
    const { events } = (await ask('events/list')).result;

    expect(capabilities).toMatchObject({ extensions: { 'io.modelcontextprotocol/events': {} } });
    expect(events).toMatchObject(
      ['run.progressed', 'run.finished', 'catalog.changed', 'budget.reached'].map((name) => ({
        ...{ name, delivery: ['poll', 'push'], inputSchema: { type: 'object' } },
        payloadSchema: { type: 'object' },
      })),
    );
  });

  it('are polled from a cursor on, in pages, each for its caller', async () => {
    await start();
    const from = (await ask('events/poll', { name: 'run.finished', cursor: null })).result;
    happened = ['a', 'b', 'c'];

    const page = (await ask('events/poll', { name: 'run.finished', cursor: from.cursor, maxEvents: 2 }))
      .result;
    const rest = (await ask('events/poll', { name: 'run.finished', cursor: page.cursor })).result;

    expect(from).toMatchObject({ events: [], hasMore: false, truncated: false, nextPollMs: 5_000 });
    expect(page).toMatchObject({ events: [{ eventId: 'a' }, { eventId: 'b' }], hasMore: true });
    expect(rest).toMatchObject({ events: [{ eventId: 'c', name: 'run.finished' }], hasMore: false });
    expect(new Set(subjects)).toEqual(new Set(['local']));
  });

  it.each([
    [{ name: 'nothing' }, -32_011],
    [{ name: 'run.finished', arguments: { nothing: 1 } }, -32_602],
    [{ name: 'run.finished', cursor: 5 }, -32_602],
    [{ name: 'run.finished', maxEvents: -1 }, -32_602],
  ])('of %j are refused', async (params, code) => {
    await start();

    expect((await ask('events/poll', params)).error.code).toBe(code);
    expect(asked).toEqual([]);
  });

  it('go to no webhook of somebody who needs no credential', async () => {
    await start();

    expect((await ask('events/subscribe', { name: 'run.finished' })).error.code).toBe(-32_012);
  });
});

describe('events by webhook', () => {
  const recipient = createRecipient();
  const delivery = {
    ...{ mode: 'webhook', url: 'https://hooks.example.com/a' },
    secret: `whsec_${Buffer.alloc(32, 1).toString('base64')}`,
  };
  const principal = { subject: 'ada', grant_id: 'key_1', kind: 'api_key' as const, scopes: ['mcp'] };
  let subscribed: Parameters<Handler<typeof subscribeClientEvents>>[0][];
  let answer: Awaited<ReturnType<Handler<typeof subscribeClientEvents>>>;

  beforeEach(async () => {
    subscribed = [];
    answer = {
      subscription: {
        ...{ id: 'sub_1', refresh_before: '2031-01-01T00:00:00Z', cursor: 'c', truncated: false },
        is_renewed: false,
      },
    };
    gateway = await startTestGateway({
      env: { EVENTS: '1', INFERRY_AUTH: 'keys' },
      serve(services) {
        services.serve(readRevocations, async () => ({ items: [], latest: 0 }));
        services.serve(verifyKey, async () => ({ principal, cache_seconds: 60 }));
        services.serve(readEventKey, async () => ({ public_key: recipient.publicKey }));
        services.serve(subscribeClientEvents, async (input, context) => {
          subjects.push(context.principal.subject);
          subscribed.push(input);
          return answer;
        });
        services.serve(unsubscribeClientEvents, async ({ url }) => ({ found: url === delivery.url }));
      },
    });
    await vi.waitFor(async () => expect((await gateway.service.readiness()).isReady).toBe(true));
  });
  const say = (method: string, params: Record<string, unknown> = {}) =>
    ask(method, params, { authorization: `Bearer ifr_${'a'.repeat(20)}` });

  it('are offered beside the other ways, under the extension and as a capability', async () => {
    const { events } = (await say('events/list')).result;
    const { capabilities } = (await say('server/discover')).result;

    expect(events).toMatchObject([{ delivery: ['poll', 'push', 'webhook'] }, {}, {}, {}]);
    expect(capabilities).toMatchObject({ events: { listChanged: false } });
  });

  it('are subscribed to with a secret that nobody on the way reads', async () => {
    const { result } = await say('events/subscribe', {
      ...{ name: 'run.finished', arguments: { run_id: 'run_1' }, delivery, cursor: 'c', ttlMs: null },
    });

    const [asked] = subscribed;
    expect(result).toMatchObject({ id: 'sub_1', refreshBefore: '2031-01-01T00:00:00Z', cursor: 'c' });
    expect(asked).toMatchObject({ url: delivery.url, ttl_ms: null, arguments: { run_id: 'run_1' } });
    expect(JSON.stringify(asked)).not.toContain(delivery.secret);
    expect(asked && recipient.open(asked.secret, eventSecretPurpose).reveal()).toBe(delivery.secret);
    expect(subjects).toEqual(['ada']);
  });

  it.each([
    [{ kind: 'unreachable', reason: 'challenge_failed' } as const, -32_015, { reason: 'challenge_failed' }],
    [{ kind: 'exhausted', limit: 'subscriptions', max: 100 } as const, -32_013, { limit: 'subscriptions' }],
    [{ kind: 'not_offered' } as const, -32_014, { feature: 'deliveryMode' }],
  ])('are refused with the codes of the extension: %j', async (refusal, code, data) => {
    answer = { refusal };

    expect((await say('events/subscribe', { name: 'run.finished', delivery })).error).toMatchObject({
      ...{ code, data },
    });
  });

  it.each([
    { delivery: undefined },
    { delivery: { ...delivery, secret: 'whsec_c2hvcnQ=' } },
    { delivery: { ...delivery, secret: 'hunter2' } },
    { delivery: { ...delivery, url: 7 } },
    { delivery, ttlMs: -1 },
    { delivery, arguments: { nothing: 1 } },
  ])('need an address and a secret: %j', async (params) => {
    const { error } = await say('events/subscribe', { name: 'run.finished', ...params });

    expect(error.code).toBe(-32_602);
    expect(subscribed).toEqual([]);
  });

  it('end when their owner says so', async () => {
    const wanted = { name: 'run.finished', arguments: {} };
    const other = { url: 'https://hooks.example.com/b' };

    expect((await say('events/unsubscribe', { ...wanted, delivery: { url: delivery.url } })).error).toBe(
      undefined,
    );
    expect((await say('events/unsubscribe', { ...wanted, delivery: other })).error).toMatchObject({
      ...{ code: -32_011, data: { kind: 'subscription' } },
    });
  });
});

describe('a stream of events', () => {
  it('tells what happened, from where its client was, and nothing of others', async () => {
    await start();
    happened = ['a', 'b'];
    const open = await stream({ name: 'run.finished', cursor: '1' });
    await vi.waitFor(() => expect(told(open)).toEqual(['b']));
    const before = asked.length;

    finished('somebody else');
    happened.push('c');
    finished();

    await vi.waitFor(() => expect(told(open)).toEqual(['b', 'c']));
    expect(asked.length - before).toBeLessThanOrEqual(2);
    const frames = framesOf(open.text);
    expect(frames[0]).toMatchObject({
      ...{ method: 'notifications/events/active' },
      params: { cursor: '1', truncated: false, _meta: { [metaKeys.subscriptionId]: 'stream-1' } },
    });
    expect(frames.at(-1)).toMatchObject({ params: { cursor: '3' } });
    open.stop();
  });

  it('of the catalog is woken by any platform', async () => {
    await start();
    const open = await stream({ name: 'catalog.changed', cursor: null });

    happened.push('p:1');
    gateway.services.publish(catalogChanged, { provider: 'p', version: 1 });

    await vi.waitFor(() => expect(told(open)).toEqual(['p:1']));
    open.stop();
  });

  it('says within a page where it began, so that whoever breaks off is told it again', async () => {
    await start();
    happened = ['a', 'b', 'c'];
    const open = await stream({ name: 'run.finished', cursor: '0' });

    await vi.waitFor(() => expect(told(open)).toEqual(['a', 'b', 'c']));

    const events = framesOf(open.text).filter(({ method }) => method === 'notifications/events/event');
    expect(events.map(({ params }) => Object(params).cursor)).toEqual(['0', '0', '3']);
    open.stop();
  });

  it('ends with an empty result when the process is to end', async () => {
    await start();
    const open = await stream({ name: 'run.finished', cursor: null });

    await gateway.service.drain(5_000);

    await vi.waitFor(() => expect(open.isEnded).toBe(true));
    expect(framesOf(open.text).at(-1)).toMatchObject({ id: 'stream-1', result: { resultType: 'complete' } });
  });

  it('is refused beyond so many of one caller', async () => {
    await start({ EVENTS: '1', MAX_SUBSCRIPTIONS_CREDENTIAL: '1' });
    const open = await stream({ name: 'run.finished', cursor: null });

    const { error } = await ask('events/poll', { name: 'run.finished' });
    const { body, headers } = modern('events/stream', { name: 'run.finished', cursor: null });
    const second = await fetch(gateway.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...acceptStream, ...headers },
      body: JSON.stringify({ ...body, id: 2 }),
    });

    expect(error).toBeUndefined();
    expect(await second.text()).toContain('-32013');
    open.stop();
  });
});
