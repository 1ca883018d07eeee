import { catalogChanged, readClientEvents, runFinished } from '@inferry/contracts';
import { metaKeys } from '@inferry/mcp';
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

async function ask(method: string, params: Record<string, unknown> = {}) {
  const { body, headers } = modern(method, params);
  const response = await fetch(gateway.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json', ...headers },
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

  it('go to no webhook here', async () => {
    await start();

    expect((await ask('events/subscribe', { name: 'run.finished' })).error).toMatchObject({
      ...{ code: -32_014, data: { feature: 'deliveryMode', value: 'webhook' } },
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
