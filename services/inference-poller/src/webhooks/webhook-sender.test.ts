import { createHmac } from 'node:crypto';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { Secret } from '@inferry/contracts';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CrashGate } from '../testing/crash-gate.ts';
import { succeeded } from '../testing/platform.ts';
import { createWorld, type World } from '../testing/world.ts';
import { webhookProblem } from './webhook-url.ts';

const key = Buffer.alloc(32, 7);
const webhookSecret = new Secret(key.toString('base64url'));
const options = { webhookSecret, allowLoopbackWebhooks: true };

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

    for (let sent = 1; sent <= 3; sent++) {
      await vi.waitFor(async () => expect((await deliveries())[0]?.attempts).toBe(sent));
      world.skipped += 60_000;
      await world.run();
    }

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
