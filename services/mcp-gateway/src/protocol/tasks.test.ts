import { fileURLToPath } from 'node:url';
import { AppError, cancelRun, getRun, type JsonObject, runModel } from '@inferry/contracts';
import { metaKeys } from '@inferry/mcp';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Answer, callOf, modern, post, startTestGateway, type TestGateway } from '../test-gateway.ts';
import { readWork, stopWork, work } from './asking.fixture.ts';

const env = { INFERRY_EXTRA_TOOLS: fileURLToPath(new URL('./asking.fixture.ts', import.meta.url)) };
const withTasks = { [metaKeys.clientCapabilities]: { extensions: { 'io.modelcontextprotocol/tasks': {} } } };
const createdAt = '2026-11-21T10:00:00.000Z';
const task = { id: 'work_1', createdAt, updatedAt: createdAt, ttlMs: 60_000, pollMs: 500 };

let gateway: TestGateway;
let state: JsonObject;
let stopped: string[];
let run: 'running' | 'succeeded' | 'failed' | 'cancelled';

beforeEach(async () => {
  [state, stopped, run] = [{ ...task, status: 'working' }, [], 'running'];
  gateway = await startTestGateway({
    env,
    serve(services) {
      services.serve(work, async ({ detached }) => (detached ? { task: state } : { said: 'done' }));
      services.serve(readWork, async ({ id }) => {
        if (id !== 'work_1') throw new AppError('run_not_found', 'There is no such work.');
        return { said: 'done', task: state };
      });
      services.serve(stopWork, async ({ id }) => {
        stopped.push(id);
        return {};
      });
      services.serve(runModel, async (_input, { wait: { maxSeconds: seconds } }) => ({
        run: { run_id: 'run_1', status: run, created_at: createdAt, progress: seconds === 0 ? 0.4 : 1 },
      }));
      services.serve(getRun, async () => ({
        run: { run_id: 'run_1', status: run, created_at: createdAt },
        ...(run === 'failed' ? { error: { code: 'generate_failed', message: 'It failed.' } } : {}),
      }));
      services.serve(cancelRun, async ({ run_id: id }) => {
        stopped.push(id);
        return {};
      });
    },
  });
});
afterEach(() => gateway.close());

function ask(method: string, params: JsonObject, meta: JsonObject = withTasks): Promise<Answer> {
  const { body, headers } = modern(method, params, meta);
  const { taskId } = params;
  return post(gateway.url, body, {
    ...headers,
    ...(typeof taskId === 'string' ? { 'mcp-name': taskId } : {}),
  });
}

const call = (name: string, meta?: JsonObject) => ask('tools/call', { name, arguments: {} }, meta);

describe('a call whose work goes on', () => {
  test('is answered with a task, flat and without its result', async () => {
    const { json } = await call('work');

    expect(json.result).toEqual({
      resultType: 'task',
      _meta: { [metaKeys.serverInfo]: expect.objectContaining({ name: 'inferry' }) },
      taskId: 'work_1',
      status: 'working',
      createdAt,
      lastUpdatedAt: createdAt,
      ttlMs: 60_000,
      pollIntervalMs: 500,
    });
  });

  test('is answered with its result when it is over already', async () => {
    state = { ...task, status: 'completed' };

    const { json } = await call('work');

    expect(json.result).toMatchObject({ resultType: 'complete', content: expect.any(Array) });
  });

  test('is answered with its result to a client that does not take tasks', async () => {
    const { json: plain } = await call('work', {});
    const { json: legacy } = await post(gateway.url, callOf('work', {}, withTasks));

    expect([plain.result.structuredContent, legacy.result.structuredContent]).toEqual([
      { said: 'done' },
      { said: 'done' },
    ]);
  });

  test('is refused in band in the legacy era, which has no tasks', async () => {
    const answer = await post(gateway.url, callOf('task_only', {}, withTasks));

    expect(answer).toMatchObject({ status: 200, json: { error: { code: -32_021 } } });
  });

  test('is refused with -32021 when nobody else can have it', async () => {
    const answer = await call('task_only', {});

    const requiredCapabilities = { extensions: { 'io.modelcontextprotocol/tasks': {} } };
    expect(answer).toMatchObject({
      status: 400,
      json: { error: { code: -32_021, data: { requiredCapabilities } } },
    });
  });
});

describe('a task', () => {
  test.each([
    ['working', {}],
    ['cancelled', {}],
    ['input_required', { inputRequests: { a: { method: 'roots/list', params: {} } } }],
    ['failed', { error: { code: -32_603, message: 'It broke.' } }],
  ])('that is %s says so and why', async (status, more) => {
    state = { ...task, status, ...more };

    const { json } = await ask('tasks/get', { taskId: 'work_1' });

    expect(json.result).toMatchObject({ resultType: 'complete', taskId: 'work_1', status, ...more });
    expect(json.result).not.toHaveProperty('result');
  });

  test('that is completed has the result in it', async () => {
    state = { ...task, status: 'completed', isError: true };

    const { json } = await ask('tasks/get', { taskId: 'work_1' });

    expect(json.result).toMatchObject({
      status: 'completed',
      result: { resultType: 'complete', isError: true, content: [{ type: 'text', text: 'done' }] },
    });
  });

  test.each(['work_2', 'nobody_1', `work_${'x'.repeat(300)}`])(
    'that is unknown is -32602: %.12s',
    async (taskId) => {
      const { json } = await ask('tasks/get', { taskId });

      expect(json.error).toMatchObject({ code: -32_602, data: { code: 'task_not_found' } });
    },
  );

  test('is stopped by tasks/cancel, which acknowledges and says no more', async () => {
    const { json } = await ask('tasks/cancel', { taskId: 'work_1' });

    expect(stopped).toEqual(['work_1']);
    expect(Object.keys(json.result).sort()).toEqual(['_meta', 'resultType']);
  });

  test('that asks for nothing acknowledges tasks/update', async () => {
    const { json } = await ask('tasks/update', { taskId: 'work_1', inputResponses: {} });

    expect(json.result.resultType).toBe('complete');
  });

  test.each(['tasks/get', 'tasks/update', 'tasks/cancel'])(
    'is not for clients without tasks: %s',
    async (method) => {
      const answer = await ask(method, { taskId: 'work_1', inputResponses: {} }, {});

      expect(answer).toMatchObject({ status: 400, json: { error: { code: -32_021 } } });
    },
  );
});

describe('run_model', () => {
  const runIt = () => ask('tools/call', { name: 'run_model', arguments: { model: 'm/x', input: {} } });

  test('is a task under the id of its run, without waiting', async () => {
    const { json } = await runIt();

    expect(json.result).toMatchObject({
      resultType: 'task',
      taskId: 'run_1',
      status: 'working',
      statusMessage: 'running, 40 %',
    });
  });

  test.each([
    ['succeeded', { status: 'completed' }],
    ['failed', { status: 'completed', result: { isError: true } }],
    ['cancelled', { status: 'cancelled' }],
  ] as const)('that %s is told by tasks/get', async (status, expected) => {
    run = status;

    const { json } = await ask('tasks/get', { taskId: 'run_1' });

    expect(json.result).toMatchObject(expected);
  });

  test('is cancelled by tasks/cancel', async () => {
    await ask('tasks/cancel', { taskId: 'run_1' });

    expect(stopped).toEqual(['run_1']);
  });

  test('is announced with the extension by server/discover', async () => {
    const { json } = await ask('server/discover', {});

    expect(json.result.capabilities.extensions).toMatchObject({ 'io.modelcontextprotocol/tasks': {} });
  });
});
