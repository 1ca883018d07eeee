import { fileURLToPath } from 'node:url';
import { createInProcessTransport, type Transport } from '@inferry/bus';
import {
  AppError,
  getRun,
  type JsonObject,
  type RunStatus,
  runFinished,
  runProgressed,
} from '@inferry/contracts';
import { metaKeys } from '@inferry/mcp';
import { isTaskStatusNotificationV2 } from '@modelcontextprotocol/ext-tasks/core/v2';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { framesOf, modern, post, startTestGateway, type TestGateway } from '../test-gateway.ts';
import { work as makeWork, readWork } from './asking.fixture.ts';
import { type Listening, listenAt, methodsOf } from './test-listening.ts';

const env = { INFERRY_EXTRA_TOOLS: fileURLToPath(new URL('./asking.fixture.ts', import.meta.url)) };
const withTasks = { [metaKeys.clientCapabilities]: { extensions: { 'io.modelcontextprotocol/tasks': {} } } };
const createdAt = '2026-11-21T10:00:00.000Z';

let transport: Transport;
let gateways: TestGateway[];
let statusListeners: ((isConnected: boolean) => void)[];
/** What each run is: the service answers for nothing else. */
let runs: Record<string, { status: RunStatus; progress?: number }>;
let reads: string[];
let isAway: boolean;
let work: JsonObject;

beforeEach(async () => {
  [runs, reads, isAway] = [{ run_1: { status: 'running', progress: 0.2 } }, [], false];
  work = { id: 'work_1', status: 'working', createdAt, updatedAt: createdAt, ttlMs: null, pollMs: 50 };
  transport = createInProcessTransport();
  statusListeners = [];
  transport.onStatus = (listener) => statusListeners.push(listener);
  const [first, second] = [
    await startTestGateway({ transport, env }),
    await startTestGateway({ transport, env }),
  ];
  gateways = [first, second];
  first.services.serve(getRun, async ({ run_id: id = '' }) => {
    reads.push(id);
    if (isAway) throw new AppError('unavailable', 'Not now.');
    const run = runs[id];
    if (run === undefined) throw new AppError('run_not_found', 'There is no such run.');
    return { run: { run_id: id, created_at: createdAt, ...run } };
  });
  first.services.serve(makeWork, async () => ({ said: 'done' }));
  first.services.serve(readWork, async () => ({ said: 'done', task: work }));
});
afterEach(() => Promise.all(gateways.map((gateway) => gateway.close())));

const follow = (taskIds: string[], gateway = gateways[0]) => listenAt(gateway, { taskIds }, withTasks);

function tasksOf({ text }: Listening): JsonObject[] {
  // as: the params of a notification are an object.
  return framesOf(text)
    .filter(({ method }) => method === 'notifications/tasks')
    .map(({ params }) => params as JsonObject);
}

/** Another state, told from another replica than the one that is listened to. */
function change(id: string, status: RunStatus, progress?: number): void {
  runs[id] = { status, ...(progress === undefined ? {} : { progress }) };
  const event = { run_id: id, subject: 'local', version: 2, status };
  if (status === 'running') gateways[1]?.services.publish(runProgressed, event);
  else gateways[1]?.services.publish(runFinished, { ...event, model: 'p/a', provider: 'p' });
}

async function readTask(taskId: string): Promise<JsonObject> {
  const { body, headers } = modern('tasks/get', { taskId }, withTasks);
  return (await post(gateways[1]?.url ?? '', body, { ...headers, 'mcp-name': taskId })).json.result;
}

describe('a client that listens for its tasks', () => {
  test('is told first which of them it has', async () => {
    const listening = await follow(['run_1', 'run_other', 'nobody_1', 'run_1']);

    expect(framesOf(listening.text)[0]).toMatchObject({
      method: 'notifications/subscriptions/acknowledged',
      params: { notifications: { taskIds: ['run_1'] } },
    });
  });

  test('is told what each is now, so that no end is missed before it listened', async () => {
    runs.run_1 = { status: 'succeeded' };

    const listening = await follow(['run_1']);

    await vi.waitFor(() =>
      expect(tasksOf(listening)).toMatchObject([{ taskId: 'run_1', status: 'completed' }]),
    );
  });

  test('is told of the end at any replica, with what tasks/get answers', async () => {
    const both = await Promise.all(gateways.map((gateway) => follow(['run_1'], gateway)));

    change('run_1', 'succeeded');

    for (const listening of both) {
      await vi.waitFor(() => expect(tasksOf(listening).at(-1)?.status).toBe('completed'));
      const { resultType: _type, _meta: _stamp, ...detailed } = await readTask('run_1');
      const { _meta: meta, ...told } = tasksOf(listening).at(-1) ?? {};
      expect(told).toEqual(detailed);
      expect(meta).toEqual({ [metaKeys.subscriptionId]: 'listen-1' });
    }
  });

  test('gets notifications that the official schema of the extension takes', async () => {
    const listening = await follow(['run_1']);

    change('run_1', 'succeeded');

    await vi.waitFor(() => expect(tasksOf(listening)).toHaveLength(2));
    const told = framesOf(listening.text).filter(({ method }) => method === 'notifications/tasks');
    expect(told.map((frame) => isTaskStatusNotificationV2(frame))).toEqual([true, true]);
  });

  test('is told of progress, which many events in a moment do not repeat', async () => {
    const listening = await follow(['run_1']);

    for (let step = 1; step <= 50; step += 1) change('run_1', 'running', 0.2 + step / 100);

    await vi.waitFor(() => expect(tasksOf(listening).at(-1)?.statusMessage).toBe('running, 70 %'));
    expect(reads.length).toBeLessThan(5);
  });

  test('is told of a change whose event was lost, also of tasks that have no events', async () => {
    const listening = await follow(['work_1']);

    work = { ...work, status: 'completed' };

    await vi.waitFor(() => expect(tasksOf(listening).at(-1)?.status).toBe('completed'), { timeout: 10_000 });
  });

  test('is told when the bus is back, since events may be lost', async () => {
    const listening = await follow(['run_1']);
    runs.run_1 = { status: 'succeeded' };

    for (const listener of statusListeners) listener(true);

    await vi.waitFor(() => expect(tasksOf(listening).at(-1)?.status).toBe('completed'), { timeout: 5_000 });
  });

  test('keeps a task whose service is away for a while', async () => {
    isAway = true;
    const listening = await follow(['run_1']);
    expect(framesOf(listening.text)[0]).toMatchObject({ params: { notifications: { taskIds: ['run_1'] } } });

    isAway = false;
    change('run_1', 'succeeded');

    await vi.waitFor(() => expect(tasksOf(listening).at(-1)?.status).toBe('completed'), { timeout: 5_000 });
  });

  test('costs no more reads once its tasks are over', async () => {
    const listening = await follow(['run_1']);
    change('run_1', 'succeeded');
    await vi.waitFor(() => expect(tasksOf(listening).at(-1)?.status).toBe('completed'));
    const before = reads.length;

    const other = await follow(['work_1']);
    for (let again = 0; again < 3; again += 1) change('run_1', 'succeeded');
    work = { ...work, status: 'completed' };
    await vi.waitFor(() => expect(tasksOf(other).at(-1)?.status).toBe('completed'), { timeout: 10_000 });

    expect(reads.length).toBe(before);
  });

  test('may follow lists beside tasks, and is told nothing of what it did not name', async () => {
    runs.run_2 = { status: 'running' };
    const listening = await follow(['run_1']);

    change('run_2', 'succeeded');
    change('run_1', 'succeeded');

    await vi.waitFor(() => expect(tasksOf(listening).at(-1)?.status).toBe('completed'));
    expect(tasksOf(listening).map(({ taskId }) => taskId)).toEqual(['run_1', 'run_1']);
    expect(new Set(methodsOf(listening))).toEqual(
      new Set(['notifications/subscriptions/acknowledged', 'notifications/tasks']),
    );
  });

  test('is refused with -32021 when it does not declare the extension', async () => {
    const { body, headers } = modern('subscriptions/listen', { notifications: { taskIds: ['run_1'] } });

    const answer = await post(gateways[0]?.url ?? '', body, headers);

    expect(answer).toMatchObject({ status: 400, json: { error: { code: -32_021 } } });
  });
});
