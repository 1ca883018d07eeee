import { type Bus, createBus, createInProcessTransport } from '@inferry/bus';
import {
  AppError,
  connectionChanged,
  grantRevoked,
  openCredential,
  type Principal,
  releaseCredential,
  reportCredential,
  Secret,
} from '@inferry/contracts';
import { sealText } from '@inferry/seals';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type CredentialClient, createCredentialClient } from './credential-client.ts';
import { purposes } from './purposes.ts';

const ada = { subject: 'ada', grant_id: 'grant_a' };

let auth: Bus;
let bus: Bus;
let client: CredentialClient;
let keys: Map<string, string>;
let asked: { provider: string; subject: string }[];
let reports: { id: string; principal: Principal }[];
let gate: Promise<void> | undefined;
const clock = { now: 0 };

beforeEach(() => {
  const transport = createInProcessTransport();
  auth = createBus(transport, { name: 'auth' });
  bus = createBus(transport, { name: 'poller' });
  keys = new Map([['ada', 'sk-ada']]);
  asked = [];
  reports = [];
  gate = undefined;
  clock.now = 0;
  auth.serve(openCredential, async ({ provider, public_key: publicKey }, { principal }) => {
    asked.push({ provider, subject: principal.subject });
    const key = keys.get(principal.subject);
    await gate;
    if (key === undefined) return { credential: null };
    return {
      credential: {
        connection_id: 'conn_1',
        sealed: sealText(new Secret(key), publicKey, purposes.credential(provider, 'conn_1')),
        base_url: 'https://api.example.com',
        expires_in_seconds: 60,
      },
    };
  });
  auth.serve(reportCredential, async ({ connection_id: id }, { principal }) => {
    reports.push({ id, principal });
    return { outcome: 'rejected' };
  });
  auth.serve(releaseCredential, async () => ({ released: true }));
  client = createCredentialClient(bus, { now: () => clock.now });
});

afterEach(async () => {
  client.close();
  await bus.close();
  await auth.close();
});

const keyOf = async (holder = ada) => (await client.get('openai', holder))?.credential.reveal();

describe('a key', () => {
  test('comes with where it is used, and prints as nothing', async () => {
    const opened = await client.get('openai', ada);

    expect(opened?.credential.reveal()).toBe('sk-ada');
    expect(opened).toMatchObject({ connectionId: 'conn_1', baseUrl: 'https://api.example.com' });
    expect(JSON.stringify(opened)).not.toContain('sk-ada');
  });

  test('is asked for once for many calls, and again after a minute', async () => {
    await Promise.all([keyOf(), keyOf(), keyOf()]);
    await keyOf();
    clock.now = 60_000;

    await keyOf();

    expect(asked).toHaveLength(2);
  });

  test('of one holder is never given to another', async () => {
    await keyOf();

    expect(await keyOf({ subject: 'bob', grant_id: 'grant_a' })).toBeUndefined();
    expect(await keyOf({ subject: 'ada', grant_id: 'grant_b' })).toBe('sk-ada');
    expect(asked).toHaveLength(3);
  });

  test('that was changed is asked for again at once', async () => {
    await keyOf();
    keys.set('ada', 'sk-new');

    auth.publish(connectionChanged, { connection_id: 'conn_1', provider: 'openai' });

    await vi.waitFor(async () => expect(await keyOf()).toBe('sk-new'));
  });

  test('of another provider is kept when a connection changes', async () => {
    await keyOf();

    auth.publish(connectionChanged, { connection_id: 'conn_9', provider: 'fal' });
    await client.get('fal', { subject: 'bob', grant_id: 'x' });
    await keyOf();

    expect(asked.filter(({ provider }) => provider === 'openai')).toHaveLength(1);
  });

  test('is forgotten when the grant of its holder is revoked', async () => {
    await keyOf();

    auth.publish(grantRevoked, { seq: 1, grant_id: 'grant_a' });

    await vi.waitFor(async () => {
      await keyOf();
      expect(asked.length).toBeGreaterThan(1);
    });
  });

  test('that changes while it is on its way is not kept', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    gate = promise;
    const first = keyOf();
    await vi.waitFor(() => expect(asked).toHaveLength(1));
    keys.set('ada', 'sk-new');
    auth.publish(connectionChanged, { connection_id: 'conn_1', provider: 'openai' });
    resolve();
    await first;

    expect(await keyOf()).toBe('sk-new');
  });

  test('that there is none of is looked for again after some seconds', async () => {
    keys.clear();
    await keyOf();
    await keyOf();
    keys.set('ada', 'sk-late');
    clock.now = 5_000;

    expect(await keyOf()).toBe('sk-late');
    expect(asked).toHaveLength(2);
  });

  test('that nobody can be asked for is unavailable, and that is not remembered', async () => {
    await auth.close();

    const outcome = await keyOf().catch((error: unknown) => error);

    expect(outcome).toBeInstanceOf(AppError);
    expect(outcome).toMatchObject({ code: 'unavailable' });
  });

  test('is not waited for any longer than the caller wants', async () => {
    gate = new Promise(() => undefined);

    const outcome = client.get('openai', ada, { signal: AbortSignal.timeout(5) });

    await expect(outcome).rejects.toMatchObject({ name: 'TimeoutError' });
  });
});

test('a refused key is reported for its holder and asked for anew', async () => {
  await keyOf();

  const outcome = await client.report('openai', 'conn_1', ada);
  await keyOf();

  expect(outcome).toBe('rejected');
  expect(reports).toMatchObject([{ id: 'conn_1', principal: { subject: 'ada', grant_id: 'grant_a' } }]);
  expect(asked).toHaveLength(2);
});
