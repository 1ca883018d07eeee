import { connect } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { afterEach, describe, expect, it } from 'vitest';
import { createHttpApp, type HttpService } from './http-app.ts';
import { untilReady } from './run-service.ts';
import { startHealth } from './start-health.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

const problems = { service: 'starting' };
/** Longer than any test takes. */
const patientMs = 600_000;

async function start(holdMs?: number) {
  const health = await startHealth({ host: '127.0.0.1', port: 0 }, problems, holdMs);
  return { ...health, url: `http://127.0.0.1:${health.port}` };
}

/** An app that sends bodies back. */
async function echo(): Promise<FastifyInstance> {
  const service: HttpService = {
    name: 'echo',
    readiness: async () => ({ isReady: true, problems: {} }),
    drain: async () => undefined,
    close: async () => undefined,
    async routes(app) {
      app.post('/mcp', async (request) => ({ echo: request.body }));
    },
  };
  const app = await createHttpApp([service]);
  closers.push(() => app.close());
  return app;
}

function post(url: string, body = '{"id":1}'): Promise<Response> {
  return fetch(`${url}/mcp`, { method: 'POST', body, headers: { 'content-type': 'application/json' } });
}

describe('a service that is starting', () => {
  it('lives, and says what it waits for', async () => {
    const { url, handOver } = await start();

    const [healthy, ready] = await Promise.all([fetch(`${url}/healthz`), fetch(`${url}/readyz`)]);

    expect([healthy.status, ready.status]).toEqual([200, 503]);
    expect(await ready.json()).toEqual({ isReady: false, problems });
    await handOver(await echo());
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
  });

  it('answers a call that came too soon when it has started: balancers know of a replica before they have asked it', async () => {
    const { url, handOver } = await start(patientMs);
    const early = [post(url), post(url, JSON.stringify({ text: 'x'.repeat(200_000) }))];
    // Whatever came before these two answers has come to the process.
    await fetch(`${url}/healthz`);

    await handOver(await echo());
    const answers = await Promise.all(early);

    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect(await answers[0]?.json()).toEqual({ echo: { id: 1 } });
  });

  it('waits until it is ready as well: what it is about to read would be missing in its answers', async () => {
    const seen: Record<string, string> = {};
    const answers = [{ revocations: 'not loaded' }, { revocations: 'not loaded' }, undefined];
    const readiness = async () => {
      const missing = answers.shift();
      return { isReady: missing === undefined, problems: missing ?? {} };
    };

    await untilReady({ readiness }, seen, new AbortController().signal);

    expect([answers, seen]).toEqual([[], { revocations: 'not loaded' }]);
  });

  it('stops waiting when it is told to stop', async () => {
    const stopping = new AbortController();
    const readiness = async () => {
      stopping.abort();
      return { isReady: false, problems: {} };
    };

    await expect(untilReady({ readiness }, {}, stopping.signal)).resolves.toBeUndefined();
  });

  it('refuses it after a while, in a form that MCP clients read', async () => {
    const { url, handOver } = await start(1);

    const response = await post(url);

    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('2');
    expect(await response.json()).toMatchObject({
      jsonrpc: '2.0',
      error: { data: { code: 'unavailable', retryable: true, retry_after_seconds: 2 } },
    });
    await handOver(await echo());
  });

  it('cuts no connection when it has started, not even one whose request is not here yet', async () => {
    const { port, url, handOver } = await start(patientMs);
    const socket = connect(port, '127.0.0.1');
    closers.push(() => socket.destroy());
    let said = '';
    socket.on('data', (piece) => {
      said += String(piece);
    });
    await new Promise((resolve) => socket.once('connect', resolve));
    await fetch(`${url}/healthz`);

    await handOver(await echo());
    const head = 'POST /mcp HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2';
    socket.write(`${head}\r\n\r\n{}`);

    await expect.poll(() => said).toContain('{"echo":{}}');
  });

  it('listens all the time, and no more when the app is closed', async () => {
    const { url, handOver } = await start(patientMs);
    const app = await echo();
    const statuses = Array.from({ length: 50 }, () => post(url).then(({ status }) => status));

    await handOver(app);

    expect(new Set(await Promise.all(statuses))).toEqual(new Set([200]));
    await app.close();
    await expect(fetch(`${url}/healthz`)).rejects.toThrow();
  });
});
