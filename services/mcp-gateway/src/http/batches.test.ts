import { once } from 'node:events';
import { AppError, type JsonObject, readRevocations, verifyKey } from '@inferry/contracts';
import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  acceptStream,
  callOf,
  post,
  rpc,
  startTestGateway,
  startWithGetRun,
  succeeded,
  type TestGateway,
} from '../test-gateway.ts';

const open: TestGateway[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((gateway) => gateway.close()));
});

const follow = (id: number): JsonObject => ({
  ...callOf('get_run', { run_id: `run_${id}` }, { progressToken: `p${id}` }),
  id,
});
const cancel = (requestId: number) => ({
  jsonrpc: '2.0',
  method: 'notifications/cancelled',
  params: { requestId },
});

describe('a batch (2025-03-26)', () => {
  test('of calls that report progress is answered as one JSON text, since they have no stream of their own', async () => {
    const gateway = await startWithGetRun(open, async ({ progress }) => {
      progress({ progress: 0.5 });
      return succeeded;
    });

    const answer = await post(gateway.url, [follow(1), follow(2)], acceptStream);

    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(answer.json).toMatchObject([
      { id: 1, result: { structuredContent: succeeded } },
      { id: 2, result: { structuredContent: succeeded } },
    ]);
  });

  test('goes on without a call of it that its client cancels', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    let ended = 0;
    const gateway = await startWithGetRun(open, async ({ signal }) => {
      await Promise.race([promise, once(signal, 'abort')]);
      ended += 1;
      if (signal.aborted) throw new AppError('cancelled', 'The caller is gone.');
      return succeeded;
    });
    const answer = post(gateway.url, [follow(1), follow(2)], acceptStream);
    await vi.waitFor(() => expect(gateway.services.load.answering).toBe(2));

    await post(gateway.url, [cancel(1)]);
    await vi.waitFor(() => expect(ended).toBe(1));
    resolve();

    expect((await answer).json).toMatchObject([{ id: 2, result: { structuredContent: succeeded } }]);
  });

  test('whose calls are all cancelled ends without an answer', async () => {
    const gateway = await startWithGetRun(open, async ({ signal }) => {
      if (!signal.aborted) await once(signal, 'abort');
      throw new AppError('cancelled', 'The caller is gone.');
    });
    const answer = post(gateway.url, [follow(1)], acceptStream);
    await vi.waitFor(() => expect(gateway.services.load.answering).toBe(1));

    await post(gateway.url, [cancel(1)]);

    expect(await answer).toMatchObject({ status: 202, text: '' });
  });

  test.each([
    ['requests', (id: number) => rpc('ping', {}, id)],
    ['notifications', (id: number) => cancel(id)],
    ['responses', (id: number) => ({ jsonrpc: '2.0', id, result: {} })],
  ])('of 100 %s is refused before any of them is looked at', async (_kind, message) => {
    const gateway = await startWithGetRun(open, async () => succeeded);

    const answer = await post(
      gateway.url,
      Array.from({ length: 100 }, (_, id) => message(id)),
    );

    expect(answer).toMatchObject({ status: 400, json: { error: { code: -32_600 } } });
  });

  test('pays for each notification too', async () => {
    const principal = { subject: 'ada', grant_id: 'key_a', kind: 'api_key' as const, scopes: ['mcp'] };
    const gateway = await startTestGateway({
      env: { INFERRY_AUTH: 'keys', RATE_LIMIT_CREDENTIAL: '20' },
      serve(services) {
        services.serve(readRevocations, async () => ({ items: [], latest: 0 }));
        services.serve(verifyKey, async () => ({ principal, cache_seconds: 60 }));
      },
    });
    open.push(gateway);
    await vi.waitFor(async () => expect((await gateway.service.readiness()).isReady).toBe(true));
    const bearer = { authorization: `Bearer ifr_${'a'.repeat(20)}` };
    const batch = Array.from({ length: 15 }, (_, id) => cancel(id));

    const first = await post(gateway.url, batch, bearer);
    const second = await post(gateway.url, batch, bearer);

    expect([first.status, second.status]).toEqual([202, 429]);
    expect(second.json.error.data.code).toBe('rate_limited');
  });
});

test('a session is not ended by DELETE, which is refused: nothing is stored that could end', async () => {
  const gateway = await startWithGetRun(open, async () => succeeded);
  const begun = await post(gateway.url, rpc('initialize', { protocolVersion: '2025-11-25' }));
  const session = { 'mcp-session-id': begun.headers.get('mcp-session-id') ?? '' };

  const ended = await fetch(gateway.url, { method: 'DELETE', headers: session });
  const after = await post(gateway.url, rpc('ping'), { ...session, 'mcp-protocol-version': '2025-11-25' });

  expect(ended.status).toBe(405);
  expect(after.json.result).toEqual({});
});
