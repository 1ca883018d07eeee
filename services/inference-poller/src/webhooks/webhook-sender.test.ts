import { createHmac } from 'node:crypto';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { readDeliveries, replayWebhook, Secret } from '@inferry/contracts';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CrashGate } from '../testing/crash-gate.ts';
import { succeeded } from '../testing/platform.ts';
import { alice, bob, createWorld, fastTimings, type World } from '../testing/world.ts';
import { defaultTimings } from '../timings.ts';
import { webhookProblem } from './webhook-url.ts';

const key = Buffer.alloc(32, 7);
const webhookSecret = new Secret(key.toString('base64url'));
const options = { webhookSecret, allowLoopbackWebhooks: true };
/** A busy machine may take its time: what is not meant to time out does not. */
const patient = { ...options, timings: { ...fastTimings, webhookTimeoutMs: 60_000 } };

interface Message {
  headers: IncomingHttpHeaders;
  body: string;
}

let world: World;
let messages: Message[];
let statuses: number[];
let url: string;
const server = createServer(async (request, response) => {
  messages.push({ headers: request.headers, body: await text(request) });
  const status = statuses.shift() ?? 204;
  response.writeHead(status, status === 302 ? { location: `${url}/elsewhere` } : {}).end();
});

beforeEach(async () => {
  messages = [];
  statuses = [];
  world = await createWorld();
  world.platform.endsAs = succeeded('hello');
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // as: a TCP server that listens has an address of this kind.
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(async () => {
  await world.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

async function deliveries(): Promise<
  { attempts: number; delivered_at: number | null; next_attempt_at: number | null }[]
> {
  return world.database.queries.selectFrom('webhook_deliveries').selectAll().execute();
}

describe('a webhook', () => {
  it('tells the run as get_run shows it, signed by Standard Webhooks [MRD-04]', async () => {
    await world.addReplica(options);
    const { run } = await world.run({ webhook: url });
    await vi.waitFor(() => expect(messages).toHaveLength(1));

    const [{ headers, body } = { headers: {}, body: '' }] = messages;
    const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
    expect(headers['webhook-signature']).toBe(
      `v1,${createHmac('sha256', key).update(signed).digest('base64')}`,
    );
    expect(Math.abs(Number(headers['webhook-timestamp']) - Date.now() / 1_000)).toBeLessThan(60);
    const shown = await world.get(String(run?.run_id), { include: ['upstream', 'outputs'] });
    expect(JSON.parse(body)).toEqual({ run: shown.run });
  });

  it('tells also of a failure', async () => {
    world.platform.endsAs = { status: 'failed', upstreamStatus: 'FAILED' };
    await world.addReplica(options);
    await world.run({ webhook: url });
    await vi.waitFor(() => expect(messages).toHaveLength(1));

    expect(JSON.parse(messages[0]?.body ?? '')).toMatchObject({
      run: { status: 'failed' },
      error: { code: 'generate_failed' },
    });
  });

  it('is sent again with the same id until it is taken', async () => {
    statuses = [500, 302];
    await world.addReplica(options);
    await world.run({ webhook: url });

    await vi.waitFor(async () => expect((await deliveries())[0]?.attempts).toBe(3), 30_000);

    expect(new Set(messages.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    expect((await deliveries())[0]).toMatchObject({ attempts: 3, next_attempt_at: null });
    expect((await deliveries())[0]?.delivered_at).not.toBeNull();
  });

  it('is given up after the last attempt, and at once when the receiver is gone', async () => {
    statuses = [410];
    await world.addReplica(options);
    await world.run({ webhook: url });
    await vi.waitFor(async () => expect((await deliveries())[0]?.attempts).toBe(1));

    expect((await deliveries())[0]).toMatchObject({ delivered_at: null, next_attempt_at: null });
  });

  it('of a receiver that hangs keeps no other waiting, and says why it was not taken', async () => {
    const hanging = createServer(() => undefined);
    await new Promise<void>((resolve) => hanging.listen(0, '127.0.0.1', resolve));
    // as: a TCP server that listens has an address of this kind.
    const hangingUrl = `http://127.0.0.1:${(hanging.address() as AddressInfo).port}`;
    await world.addReplica(patient);
    for (let count = 0; count < 6; count += 1) await world.run({ webhook: `${hangingUrl}/${count}` });

    await world.run({ webhook: url });

    await vi.waitFor(() => expect(messages).toHaveLength(1));
    const rows = await world.database.queries.selectFrom('webhook_deliveries').selectAll().execute();
    const held = rows.filter(
      ({ url: to, lease_until: until }) => to.startsWith(hangingUrl) && until !== null,
    );
    expect(held.length).toBeLessThanOrEqual(4);
    hanging.closeAllConnections();
    await new Promise((resolve) => hanging.close(resolve));
  });

  it('is told of to its owner with why it failed, and sent again from its first attempt when they say so', async () => {
    statuses = [302, 302, 302, 302];
    await world.addReplica(patient);
    const { run } = await world.run({ webhook: url });
    const read = async (principal = alice) =>
      (await world.ask(readDeliveries, { run_id: run?.run_id, limit: 10 }, principal)).deliveries;
    await vi.waitFor(async () => expect((await read())[0]?.state).toBe('given_up'), 30_000);
    const [failed] = await read();

    expect(failed?.attempts).toBe(4);
    expect(failed).toMatchObject({ state: 'given_up', last_status: 302, last_problem: 'redirect' });
    expect(await read(bob)).toEqual([]);
    const replay = { delivery_id: failed?.delivery_id ?? '' };
    await expect(world.ask(replayWebhook, replay, bob)).rejects.toMatchObject({ code: 'webhook_not_found' });
    await world.ask(replayWebhook, replay);
    await vi.waitFor(
      async () => expect((await read())[0]).toMatchObject({ state: 'delivered', attempts: 1 }),
      30_000,
    );
    expect(new Set(messages.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
  });

  it('is sent once by two replicas that look at the same time', async () => {
    await world.addReplica(patient);
    await world.addReplica(patient);
    for (let count = 0; count < 12; count += 1) await world.run({ webhook: `${url}/${count}` });

    await vi.waitFor(async () =>
      expect((await deliveries()).filter(({ delivered_at: at }) => at !== null)).toHaveLength(12),
    );

    expect(messages).toHaveLength(12);
  });

  it('of a replica that stops while it sends loses no attempt', async () => {
    const hanging = createServer(() => undefined);
    await new Promise<void>((resolve) => hanging.listen(0, '127.0.0.1', resolve));
    // as: a TCP server that listens has an address of this kind.
    const to = `http://127.0.0.1:${(hanging.address() as AddressInfo).port}`;
    const { service } = await world.addReplica(patient);
    await world.run({ webhook: to });
    const arrived = new Promise((resolve) => hanging.once('request', resolve));
    await world.run();
    await arrived;

    await service.close();

    expect(await deliveries()).toMatchObject([{ attempts: 0, delivered_at: null, lease_until: null }]);
    hanging.closeAllConnections();
    await new Promise((resolve) => hanging.close(resolve));
  });

  it('of a replica that died before it was sent is sent by another one', async () => {
    const gate = new CrashGate();
    await world.addReplica({ ...options, gate, webhookSecret });
    statuses = [];
    const runId = await world.start({ webhook: url });
    world.losesEvents = true;
    await world.ended(runId);
    gate.crash();
    world.losesEvents = false;
    world.skipped += 60_000;
    await world.addReplica(options);
    await world.run();

    await vi.waitFor(() => expect(messages.length).toBeGreaterThan(0));
  });
});

describe('webhookProblem', () => {
  const settings = { secret: webhookSecret, allowLoopback: false };

  it('takes https on the public internet', () => {
    expect(webhookProblem('https://example.com/hook?x=1', settings)).toBeUndefined();
    expect(webhookProblem('https://example.com:8443/hook', settings)).toBeUndefined();
    expect(webhookProblem('https://example.com:80/hook', settings)).toBeUndefined();
  });

  it.each([
    'http://example.com',
    'http://127.0.0.1:1234',
    'https://localhost',
    'https://10.0.0.1',
    'https://[::1]',
    'https://169.254.169.254/latest',
    'https://2130706433',
    'https://0x7f.1',
    'https://redis',
    'https://user:pass@example.com',
    'https://example.com:22/hook',
    'https://example.com:25',
    'https://example.com:1023',
    'ftp://example.com',
    'not a url',
  ])('refuses %s', (value) => {
    expect(webhookProblem(value, settings)).toBeDefined();
  });

  it('refuses any without a secret to sign with', () => {
    expect(webhookProblem('https://example.com', { secret: undefined, allowLoopback: false })).toBeDefined();
  });
});

describe('the waits between attempts', () => {
  it('grow, and end after about a day', () => {
    const { webhookRetriesMs: waits } = defaultTimings;

    expect([...waits].sort((one, other) => one - other)).toEqual(waits);
    expect(waits.reduce((sum, wait) => sum + wait, 0) / 3_600_000).toBeCloseTo(24, 0);
  });
});
