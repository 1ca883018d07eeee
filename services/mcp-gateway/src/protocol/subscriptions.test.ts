import { createBus, createInProcessTransport, type Transport } from '@inferry/bus';
import { resourceUpdated, runFinished, runProgressed, surfaceChanged } from '@inferry/contracts';
import { metaKeys } from '@inferry/mcp';
import { serveTestSurface, type TestSurface } from '@inferry/mcp/testing';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { acceptStream, framesOf, modern, post, startTestGateway, type TestGateway } from '../test-gateway.ts';
import { listenAt, methodsOf } from './test-listening.ts';

let transport: Transport;
let gateways: TestGateway[];
let statusListeners: ((isConnected: boolean) => void)[];
let surface: TestSurface;
beforeEach(async () => {
  transport = createInProcessTransport();
  // The in-process transport is never away; a test says when it is back.
  statusListeners = [];
  transport.onStatus = (listener) => statusListeners.push(listener);
  surface = serveTestSurface(createBus(transport, { name: 'one' }), {
    service: 'one',
    prefix: 'inferry://runs/',
  });
  gateways = [await start(), await start()];
});
afterEach(async () => {
  await Promise.all(gateways.map((gateway) => gateway.close()));
});

function start(env: Record<string, string> = {}): Promise<TestGateway> {
  return startTestGateway({ transport, env: { MCP_SURFACES: 'one', ...env }, timings: { idleMs: 60 } });
}

const listen = (notifications: unknown, gateway = gateways[0]) => listenAt(gateway, notifications);

const run = { run_id: 'run_1', subject: 'local', version: 2 };
const finished = { ...run, status: 'succeeded', model: 'p/a', provider: 'p' } as const;
const progressed = { ...run, status: 'running' } as const;

describe('subscriptions/listen', () => {
  test('acknowledges first what it will tell, and nothing that it cannot', async () => {
    const asked = {
      toolsListChanged: true,
      promptsListChanged: true,
      resourcesListChanged: false,
      resourceSubscriptions: ['inferry://runs/run_1', 'unknown://x'],
    };

    const { text } = await listen(asked);

    expect(framesOf(text)).toEqual([
      {
        jsonrpc: '2.0',
        method: 'notifications/subscriptions/acknowledged',
        params: {
          notifications: { promptsListChanged: true, resourceSubscriptions: ['inferry://runs/run_1'] },
          _meta: { [metaKeys.subscriptionId]: 'listen-1' },
        },
      },
    ]);
  });

  test('tells of a changed list on every replica, stamped, and of no list that was not asked for', async () => {
    const both = await Promise.all(gateways.map((gateway) => listen({ promptsListChanged: true }, gateway)));

    surface.change([{ name: 'new' }]);

    for (const listening of both) {
      await vi.waitFor(() => {
        expect(framesOf(listening.text)[1]).toEqual({
          jsonrpc: '2.0',
          method: 'notifications/prompts/list_changed',
          params: { _meta: { [metaKeys.subscriptionId]: 'listen-1' } },
        });
      });
      expect(methodsOf(listening)).not.toContain('notifications/resources/list_changed');
    }
  });

  test('tells a change once that several replicas of a service announce', async () => {
    const listening = await listen({ promptsListChanged: true, resourcesListChanged: true });
    const services = createBus(transport, { name: 'one' });

    surface.change([{ name: 'new' }]);
    await vi.waitFor(() => expect(methodsOf(listening)).toHaveLength(3));
    services.publish(surfaceChanged, {
      service: 'one',
      lists: ['prompts'],
      version: String(surface.version),
    });
    services.publish(surfaceChanged, { service: 'one', lists: ['resources'] });

    await vi.waitFor(() => expect(methodsOf(listening)).toHaveLength(4));
    expect(methodsOf(listening).filter((name) => name === 'notifications/prompts/list_changed')).toHaveLength(
      1,
    );
  });

  test('tells of the end of a run to whoever follows it or its outputs', async () => {
    const listening = await listen({
      resourceSubscriptions: [
        'inferry://runs/run_1',
        'inferry://runs/run_1/outputs/0',
        'inferry://runs/run_12',
      ],
    });

    gateways[1]?.services.publish(runFinished, finished);

    await vi.waitFor(() => expect(methodsOf(listening)).toHaveLength(3));
    expect(framesOf(listening.text).slice(1)).toMatchObject([
      { method: 'notifications/resources/updated', params: { uri: 'inferry://runs/run_1' } },
      { method: 'notifications/resources/updated', params: { uri: 'inferry://runs/run_1/outputs/0' } },
    ]);
  });

  test("tells nobody of somebody else's run", async () => {
    const listening = await listen({
      resourceSubscriptions: ['inferry://runs/run_1', 'inferry://runs/run_2'],
    });
    const [gateway] = gateways;

    gateway?.services.publish(runFinished, { ...finished, subject: 'bob' });
    gateway?.services.publish(runProgressed, { ...progressed, run_id: 'run_2' });

    await vi.waitFor(() => expect(methodsOf(listening)).toHaveLength(2));
    expect(framesOf(listening.text)[1]).toMatchObject({ params: { uri: 'inferry://runs/run_2' } });
  });

  test('tells of any resource that a service says is changed', async () => {
    const listening = await listen({ resourceSubscriptions: ['inferry://runs/x'] });

    gateways[0]?.services.publish(resourceUpdated, { uri: 'inferry://runs/x' });

    await vi.waitFor(() => expect(methodsOf(listening)).toContain('notifications/resources/updated'));
  });

  test('tells of every followed resource when the bus is back, since events may be lost', async () => {
    const listening = await listen({ resourceSubscriptions: ['inferry://runs/x'] });

    for (const listener of statusListeners) listener(true);

    await vi.waitFor(() => expect(methodsOf(listening)).toContain('notifications/resources/updated'));
  });

  test('stays alive by comments while nothing happens', async () => {
    const listening = await listen({ promptsListChanged: true });

    await vi.waitFor(() => expect(listening.text.match(/: keep-alive/g)?.length ?? 0).toBeGreaterThan(1));
  });

  test('ends at once with an empty result when there is nothing that it could tell', async () => {
    const listening = await listen({ toolsListChanged: true });

    await vi.waitFor(() => expect(listening.isEnded).toBe(true));
    expect(framesOf(listening.text).at(-1)).toMatchObject({
      id: 'listen-1',
      result: { resultType: 'complete', _meta: { [metaKeys.subscriptionId]: 'listen-1' } },
    });
  });

  test('ends with an empty result, soon, when its process stops', async () => {
    const listening = await listen({ promptsListChanged: true });

    // Its grace is longer than this test may last.
    await gateways[0]?.service.drain(600_000);

    await vi.waitFor(() => expect(listening.isEnded).toBe(true));
    const last = framesOf(listening.text).at(-1);
    expect(last).toMatchObject({ id: 'listen-1', result: { resultType: 'complete' } });
    expect(last?.result).toMatchObject({ _meta: { [metaKeys.serverInfo]: { name: 'inferry' } } });
  });

  test('is bounded for each credential, and a closed stream makes room', async () => {
    const narrow = await start({ MAX_SUBSCRIPTIONS_CREDENTIAL: '1' });
    gateways.push(narrow);
    const first = await listen({ promptsListChanged: true }, narrow);
    const { body, headers } = modern('subscriptions/listen', { notifications: { promptsListChanged: true } });

    const refused = await post(narrow.url, body, headers);
    first.stop();

    expect(refused.json.error).toMatchObject({ code: -32_603, data: { code: 'busy' } });
    await vi.waitFor(async () => {
      const next = await listen({ promptsListChanged: true }, narrow);
      next.stop();
    });
  });

  test.each(
    Object.entries({
      'that is missing': undefined,
      'that is no object': 'all',
      'with a flag that is no boolean': { promptsListChanged: 'yes' },
      'with URIs that are no list': { resourceSubscriptions: 'x' },
      'with a URI that is no text': { resourceSubscriptions: [1] },
      'with task ids that are no list': { taskIds: 'run_1' },
      'with too many task ids': { taskIds: Array.from({ length: 101 }, (_, at) => `run_${at}`) },
      'with too many URIs': {
        resourceSubscriptions: Array.from({ length: 101 }, (_, at) => `inferry://runs/${at}`),
      },
    }),
  )('refuses a filter %s', async (_name, notifications) => {
    const { body, headers } = modern('subscriptions/listen', { notifications });

    const { json } = await post(gateways[0]?.url ?? '', body, { ...acceptStream, ...headers });

    expect(json.error.code).toBe(-32_602);
  });
});
