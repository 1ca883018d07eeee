import { createHmac } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Secret } from '@inferry/contracts';
import type { InboundWebhook, JobView, WebhookVerdict } from '@inferry/providers';
import { verifyStandardWebhook } from '@inferry/providers/webhooks';
import { createHttpApp, portOf } from '@inferry/runtime';
import { another } from '@inferry/testing';
import type { FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { InferenceOptions } from '../service.ts';
import { succeeded } from '../testing/platform.ts';
import { createWorld, type World } from '../testing/world.ts';
import { createHookToken } from './hook-urls.ts';
import { maxWebhookBytes } from './routes.ts';

const hookSecret = new Secret('h'.repeat(43));
const platformSecret = new Secret(`whsec_${Buffer.alloc(24, 9).toString('base64')}`);
/** Nobody polls on their own during a test: what happens, a webhook made happen. */
const never = {
  pollSteps: [{ untilMs: Number.POSITIVE_INFINITY, everyMs: 3_600_000 }],
  // A busy machine must not make a replica lose what it holds.
  leaseMs: 10_000,
  renewMs: 1_000,
  submitTimeoutMs: 10_000,
  pollTimeoutMs: 10_000,
};
const settings = { hookSecret, publicUrl: 'https://ai.example.com', timings: never };

let world: World;
let apps: FastifyInstance[];

beforeEach(async () => {
  world = await createWorld();
  world.platform.readWebhook = async (webhook) => readStandard(webhook);
  apps = [];
});

afterEach(async () => {
  await Promise.all(apps.map((app) => app.close()));
  await world.close();
});

/** What an adapter does: verifies, and then believes what it reads. */
function readStandard({ headers, rawBody }: InboundWebhook): WebhookVerdict {
  const verdict = verifyStandardWebhook({ headers, rawBody }, { secrets: [platformSecret], now: Date.now() });
  if (!verdict.isGenuine) return { outcome: 'rejected', reason: verdict.reason };
  // as: the tests below write it.
  const { id, view } = JSON.parse(Buffer.from(rawBody).toString()) as { id?: string; view?: JobView };
  return { outcome: 'job', ...(id && { handle: { id } }), ...(view && { view }) };
}

/** A replica, and where it listens. */
async function listen(options: Partial<InferenceOptions> = {}): Promise<string> {
  const { service } = await world.addReplica({ ...settings, ...options });
  const app = await createHttpApp([service]);
  apps.push(app);
  await app.listen({ host: '127.0.0.1', port: 0 });
  return `http://127.0.0.1:${portOf(app)}`;
}

/** A run that its platform works on, and the path that the platform was told. */
async function running(): Promise<{ runId: string; path: string; id: string }> {
  const runId = await world.start();
  await world.reached(runId, 'running');
  await vi.waitFor(async () => expect((await world.row(runId)).lease_owner).toBeNull());
  const { request, id } = world.platform.jobOf(runId);
  return { runId, id, path: new URL(request.webhookUrl ?? '').pathname };
}

function signed(body: string, secondsAgo = 0): Record<string, string> {
  const timestamp = Math.floor(Date.now() / 1_000) - secondsAgo;
  const key = Buffer.from(platformSecret.reveal().slice(6), 'base64');
  const signature = createHmac('sha256', key).update(`m1.${timestamp}.${body}`).digest('base64');
  return {
    'content-type': 'application/json',
    'webhook-id': 'm1',
    'webhook-timestamp': String(timestamp),
    'webhook-signature': `v1,${signature}`,
  };
}

async function send(url: string, message: unknown, headers?: Record<string, string>): Promise<Response> {
  const body = JSON.stringify(message);
  return fetch(url, { method: 'POST', body, headers: headers ?? signed(body) });
}

describe('a webhook of a platform', () => {
  it('settles a run with what it says, on a replica that had nothing to do with it', async () => {
    await listen();
    const { runId, path, id } = await running();
    const other = await listen();

    const response = await send(other + path, { id, view: succeeded('by webhook') });

    expect(response.status).toBe(204);
    expect((await world.ended(runId)).status).toBe('succeeded');
    expect(world.platform.jobOf(runId).polls).toBe(1);
  });

  it('that says only that something happened has the run polled now', async () => {
    const url = await listen();
    const { runId, path } = await running();
    world.platform.set(runId, succeeded());

    expect((await send(url + path, {})).status).toBe(204);

    expect((await world.ended(runId)).status).toBe('succeeded');
  });

  it('is harmless when it comes again, at both replicas at once', async () => {
    const [first, second] = [await listen(), await listen()];
    const { runId, path, id } = await running();
    const message = { id, view: succeeded() };

    const replies = await Promise.all([first, second, first, second].map((url) => send(url + path, message)));
    await world.ended(runId);
    const late = await send(first + path, message);

    expect([...replies, late].map(({ status }) => status)).toEqual([204, 204, 204, 204, 204]);
    expect(await world.ledger(runId)).toMatchObject({ charge: 70_000 });
    expect(world.platform.submitCount).toBe(1);
  });

  it('is read with the key of the caller whose run it is', async () => {
    const keys: unknown[] = [];
    world.keys.set('alice', { key: 'key-of-alice', connectionId: 'conn_1' });
    world.platform.readWebhook = async (webhook, { credential }) => {
      keys.push(credential?.reveal());
      return readStandard(webhook);
    };
    const url = await listen();
    const { runId, path, id } = await running();

    await send(url + path, { id, view: succeeded() });

    expect((await world.ended(runId)).status).toBe('succeeded');
    expect(keys).toEqual(['key-of-alice']);
  });

  it('reports progress, and the run goes on', async () => {
    const url = await listen();
    const { runId, path, id } = await running();

    await send(url + path, { id, view: { status: 'running', upstreamStatus: 'processing', progress: 0.4 } });

    await vi.waitFor(async () => expect((await world.row(runId)).progress).toBe(0.4));
    expect((await world.row(runId)).phase).toBe('running');
  });

  it('tells of a job whose submit was never answered', async () => {
    world.platform.onRecover = () => new Promise(() => undefined);
    let id = '';
    world.platform.submitScripts = [
      (_request, accept) => {
        id = accept().id;
        throw new Error('the reply was lost');
      },
    ];
    const url = await listen({ timings: { ...never, settleMs: 3_600_000 } });
    const runId = await world.start();
    await vi.waitFor(async () => {
      const row = await world.row(runId);
      expect([row.phase, row.lease_owner]).toEqual(['submitting', null]);
    });
    const path = new URL(world.platform.jobOf(runId).request.webhookUrl ?? '').pathname;

    await send(url + path, { id, view: succeeded() });

    expect(await world.ended(runId)).toMatchObject({ status: 'succeeded', upstream_id: id });
    expect(world.platform.submitCount).toBe(1);
  });

  it('brings back a run that was given up because nobody knew of its job, with its charge', async () => {
    world.platform.onRecover = () => ({ outcome: 'unknown' });
    let id = '';
    world.platform.submitScripts = [
      (_request, accept) => {
        id = accept().id;
        throw new Error('the reply was lost');
      },
    ];
    const url = await listen();
    const runId = await world.start();
    expect((await world.ended(runId)).status).toBe('failed');
    const path = new URL(world.platform.jobOf(runId).request.webhookUrl ?? '').pathname;

    expect((await send(url + path, { id, view: succeeded() })).status).toBe(204);

    await vi.waitFor(async () => expect((await world.row(runId)).status).toBe('succeeded'));
    const charges = await world.database.queries
      .selectFrom('ledger')
      .selectAll()
      .where('run_id', '=', runId)
      .where('kind', '=', 'charge')
      .execute();
    expect(charges.reduce((sum, { amount_micros: amount }) => sum + amount, 0)).toBe(70_000);
    expect(world.platform.submitCount).toBe(1);
  });

  it('about the job of another run is refused', async () => {
    const url = await listen();
    const { id } = await running();
    world.platform.onRecover = () => new Promise(() => undefined);
    let path = '';
    world.platform.submitScripts = [
      ({ webhookUrl }) => {
        path = new URL(webhookUrl ?? '').pathname;
        throw new Error('the reply was lost');
      },
    ];
    const runId = await world.start();
    await vi.waitFor(() => expect(path).not.toBe(''));

    expect((await send(url + path, { id, view: succeeded() })).status).toBe(401);
    expect((await world.row(runId)).handle).toBeNull();
  });

  it('is taken in by the replica that is just asking its platform', async () => {
    const url = await listen();
    const { runId, path, id } = await running();
    const { promise: asked, resolve } = Promise.withResolvers<void>();
    const { promise: answered, resolve: answer } = Promise.withResolvers<void>();
    world.platform.pollErrors = [
      () => {
        resolve();
        return answered;
      },
    ];
    await send(url + path, { id });
    await asked;

    await send(url + path, { id, view: succeeded('by webhook') });
    answer();

    expect((await world.ended(runId)).status).toBe('succeeded');
  });

  it('makes a run due for the replica that holds it', async () => {
    await listen();
    const { runId, path } = await running();
    const other = await listen();
    const { queries } = world.database;
    // Held by the first replica while it asks the platform.
    let answer = () => {};
    const asked = new Promise<void>((resolve) => {
      world.platform.pollErrors = [
        () => {
          resolve();
          return new Promise<void>((go) => {
            answer = go;
          });
        },
      ];
    });
    await queries.updateTable('runs').set({ next_poll_at: 0 }).where('run_id', '=', runId).execute();
    await asked;

    const response = await send(other + path, {});
    // Events come on the next turn of the loop, which may be after the reply of the request that caused them.
    await nextTurn();
    answer();
    await vi.waitFor(async () => expect((await world.row(runId)).lease_owner).toBeNull());
    world.platform.set(runId, succeeded());

    expect(response.status).toBe(204);
    await vi.waitFor(() => expect(world.platform.jobOf(runId).polls).toBeGreaterThan(2));
  });
});

describe('what is no genuine webhook', () => {
  it('is refused when it is forged, stale or unsigned, and changes nothing', async () => {
    const url = await listen();
    const { runId, path, id } = await running();
    const message = { id, view: succeeded('forged') };
    const body = JSON.stringify(message);
    const before = await world.row(runId);

    const replies = [
      await send(url + path, { ...message, more: 1 }, signed(body)),
      await send(url + path, message, signed(body, 301)),
      await send(url + path, message, { 'content-type': 'application/json' }),
      await send(url + path, { id: 'job-of-another', view: succeeded() }),
      await fetch(url + path, { method: 'POST', body: '{', headers: signed('{') }),
    ];

    expect(replies.map(({ status }) => status)).toEqual([401, 401, 401, 401, 401]);
    expect(await world.row(runId)).toEqual(before);
  });

  it('cannot be told apart: no token, a forged one, an old one, an unknown run, another provider', async () => {
    const url = await listen();
    const { runId } = await running();
    const tokenOf = (claims: object) =>
      createHookToken({ runId, provider: 'scripted', expiresAt: Date.now() + 60_000, ...claims }, hookSecret);
    const tokens = [
      'x',
      tokenOf({}).replace(/[^.](?=[^.]*$)/, another),
      tokenOf({ expiresAt: Date.now() - 10_000 }),
      tokenOf({ runId: 'run_unknown' }),
      tokenOf({ provider: 'other' }),
    ];

    const replies = await Promise.all(tokens.map((token) => send(`${url}/hooks/v1/${token}`, {})));
    const elsewhere = await send(`${url}/hooks/v2`, {});

    const bodies = await Promise.all([...replies, elsewhere].map((reply) => reply.text()));
    expect(new Set([...replies, elsewhere].map(({ status }) => status))).toEqual(new Set([404]));
    expect(new Set(bodies).size).toBe(1);
  });

  it('is refused by its size, whether or not it says it', async () => {
    const url = await listen();
    const { path } = await running();
    const body = 'x'.repeat(maxWebhookBytes + 1);

    const announced = await fetch(url + path, { method: 'POST', body });
    const chunked = await fetch(url + path, {
      method: 'POST',
      body: new Blob([body]).stream(),
      duplex: 'half', // as: below, the types do not know it yet
    } as RequestInit).catch(() => undefined);

    expect(announced.status).toBe(413);
    expect([413, undefined]).toContain(chunked?.status);
  });

  it('holds up nobody: a body that does not come and an adapter that does not answer end in time', async () => {
    world.platform.readWebhook = async () => new Promise(() => undefined);
    const url = await listen({ hookBudgetMs: 200 });
    const { path, runId } = await running();

    const stuck = await send(url + path, {});
    const slow = await new Promise<number | undefined>((resolve) => {
      const sending = httpRequest(url + path, { method: 'POST', headers: { 'content-length': 100 } });
      sending.on('response', ({ statusCode }) => resolve(statusCode));
      sending.on('error', () => resolve(undefined));
      sending.write('{');
    });

    expect(stuck.status).toBe(503);
    expect(stuck.headers.get('retry-after')).toBe('5');
    expect([503, undefined]).toContain(slow);
    expect((await world.row(runId)).phase).toBe('running');
  });

  it('soon meets a closed window, while other addresses pass', async () => {
    const url = await listen({ trustedProxies: { has: (address) => address === '127.0.0.1' } });
    const { path, id } = await running();
    const from = (address: string) => ({ ...signed('{}'), 'x-forwarded-for': address });

    const statuses: number[] = [];
    for (let sent = 0; sent < 61; sent++)
      statuses.push((await send(`${url}/hooks/v1/x`, {}, from('203.0.113.9'))).status);
    const body = JSON.stringify({ id });
    const genuine = await send(url + path, { id }, { ...signed(body), 'x-forwarded-for': '203.0.113.10' });

    expect(statuses.slice(0, 60)).toEqual(Array.from({ length: 60 }, () => 404));
    expect(statuses.at(-1)).toBe(429);
    expect(genuine.status).toBe(204);
  });
});

describe('polling', () => {
  it('ends a run whose webhook never came', async () => {
    await listen({ timings: { pollSteps: [{ untilMs: Number.POSITIVE_INFINITY, everyMs: 10 }] } });
    const { runId } = await running();
    world.platform.set(runId, succeeded());

    expect((await world.ended(runId)).status).toBe('succeeded');
  });

  it('is all there is when the platforms cannot reach us', async () => {
    const url = await listen({ publicUrl: 'http://localhost:8080', webhooksIn: 'off' });
    const runId = await world.start();
    await world.reached(runId, 'running');

    expect(world.platform.jobOf(runId).request.webhookUrl).toBeUndefined();
    expect((await send(`${url}/hooks/v1/x`, {})).status).toBe(404);
  });
});
