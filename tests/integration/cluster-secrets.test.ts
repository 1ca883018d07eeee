/** A cluster's processes hold their own secrets alone, and whoever reaches its bus gets nothing there. */

import { readFileSync } from 'node:fs';
import { type Bus, type CallOptions, createBus } from '@inferry/bus';
import { connectNats } from '@inferry/bus/nats';
import { type Cluster, startCluster } from '@inferry/cli';
import * as contracts from '@inferry/contracts';
import {
  AppError,
  listRuns,
  localPrincipal,
  openCredential,
  type RpcContract,
  readBudgets,
  runModel,
} from '@inferry/contracts';
import { canonicalTool, inferry } from '@inferry/profiles';
import { createRecipient } from '@inferry/seals';
import { startNats } from '@inferry/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const platformKey = 'r8_keyofthedeployment0123456789';
const kek = `k1:${Buffer.alloc(32, 7).toString('base64')}`;
const secret = 'f'.repeat(64);

let cluster: Cluster;
beforeAll(async () => {
  const { PATH } = process.env;
  cluster = await startCluster({
    ...{ replicas: 1, auth: 'none', port: 0 },
    env: {
      PATH,
      REPLICATE_API_TOKEN: platformKey,
      AUTH_KEKS: kek,
      INFERRY_SECRET: secret,
      LOG_LEVEL: 'warn',
    },
    onLine: () => undefined,
  });
  await cluster.ready(90_000);
}, 120_000);
afterAll(() => cluster.stop(), 60_000);

const services = ['mcp-gateway', 'auth', 'catalog', 'inference-poller', 'upload', 'compute'] as const;

/** The environment that a process was started with. */
function environmentOf(service: (typeof services)[number]): Map<string, string> {
  const [replica] = cluster.of(service);
  const text = readFileSync(`/proc/${replica?.pid}/environ`, 'utf8');
  return new Map(
    text.split('\0').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
}

describe('the environment of each process', () => {
  it('holds keys of platforms and of the vault in auth alone, and the one secret nowhere', () => {
    for (const service of services) {
      const text = [...environmentOf(service).values()].join('\n');
      const found = [platformKey, kek, secret].map((value) => text.includes(value));

      expect([service, ...found]).toEqual([service, service === 'auth', service === 'auth', false]);
    }
  });

  it('shares no secret but the password of Redis and of the database', () => {
    const shared = new Set(['REDIS_URL', 'DATABASE_URL', 'BUS_PUBLIC_KEYS']);
    const secrets = services.map((service) =>
      [...environmentOf(service)].filter(
        ([name]) =>
          /^(INFERRY_SECRET|BUS_SIGNING_KEY|NATS_URL|AUTH_KEKS)|_API_TOKEN$/.test(name) && !shared.has(name),
      ),
    );
    const values = secrets.flatMap((own) => own.map(([, value]) => value));

    expect(new Set(values).size).toBe(values.length);
    expect(secrets.map((own) => own.map(([name]) => name).sort())).toEqual([
      ['BUS_SIGNING_KEY', 'INFERRY_SECRET_SESSIONS', 'NATS_URL'],
      [
        ...['AUTH_KEKS', 'BUS_SIGNING_KEY', 'INFERRY_SECRET_FINGERPRINTS', 'INFERRY_SECRET_OAUTH'],
        ...['INFERRY_SECRET_PAGES', 'NATS_URL', 'REPLICATE_API_TOKEN'],
      ],
      ['BUS_SIGNING_KEY', 'NATS_URL'],
      ['BUS_SIGNING_KEY', 'INFERRY_SECRET_HOOKS', 'INFERRY_SECRET_WEBHOOKS', 'NATS_URL'],
      ['BUS_SIGNING_KEY', 'INFERRY_SECRET_FILES', 'NATS_URL'],
      ['BUS_SIGNING_KEY', 'NATS_URL'],
    ]);
  });

  it('gives the gateway no database', () => {
    expect(environmentOf('mcp-gateway').has('DATABASE_URL')).toBe(false);
  });

  it('leaves no password on a command line', () => {
    const passwords = services.map(
      (service) => new URL(environmentOf(service).get('NATS_URL') ?? '').password,
    );
    const { redis, postgres, nats } = cluster.servers;
    const all = [...passwords, ...[redis?.url, postgres?.url].map((url) => new URL(url ?? '').password)];

    for (const server of [redis, postgres, nats]) {
      const line = readFileSync(`/proc/${server?.pid}/cmdline`, 'utf8');
      expect(all.filter((password) => password === '' || line.includes(password))).toEqual([]);
    }
  });
});

const codeOf = (call: Promise<unknown>) =>
  call.then(
    () => 'answered',
    (error: unknown) => (error instanceof AppError ? error.code : String(error)),
  );

describe('whoever reaches the bus', () => {
  /** Asks for a key, for runs and for a run as a made-up person. */
  async function ask(service: string, url: string): Promise<string[]> {
    const bus = createBus(await connectNats({ url, name: 'stranger' }), { name: service });
    const options = { principal: { ...localPrincipal, subject: 'victim' }, timeoutMs: 4_000 };
    const key = createRecipient().publicKey;
    const codes = await Promise.all([
      codeOf(bus.call(openCredential, { provider: 'replicate', public_key: key }, options)),
      codeOf(bus.call(readBudgets, {}, options)),
      codeOf(bus.callTool(canonicalTool(listRuns), {}, options)),
      codeOf(bus.callTool(canonicalTool(runModel), { model: 'local/embed', input: { text: 'x' } }, options)),
    ]);
    await bus.close();
    return codes;
  }

  it('with a password of the gateway has no key, and with one of a runner is nobody', async () => {
    const gateway = environmentOf('mcp-gateway').get('NATS_URL') ?? '';
    const poller = environmentOf('inference-poller').get('NATS_URL') ?? '';

    // What the server refuses to pass on is never answered.
    expect(await ask('mcp-gateway', gateway)).toEqual([
      ...['unavailable', 'unavailable', 'unauthorized', 'unauthorized'],
    ]);
    expect((await ask('inference-poller', poller))[0]).toBe('unauthorized');
  });

  it('without a password is not let in', async () => {
    const url = cluster.servers.nats?.url ?? '';

    await expect(connectNats({ url, name: 'stranger' })).rejects.toMatchObject({ code: 'unavailable' });
  });
});

const isRpc = (value: unknown): value is RpcContract =>
  typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'rpc';

/** Everything that services answer on the bus, by its subject. */
function everyQuestion(): Map<string, (bus: Bus, options: CallOptions) => Promise<unknown>> {
  const surfaces = services.flatMap((service) => Object.values(contracts.surfaceOf(service)));
  const asked = [...Object.values(contracts), ...surfaces].filter(isRpc);
  return new Map([
    ...asked.map((rpc) => [rpc.subject, (bus: Bus, o: CallOptions) => bus.call(rpc, {}, o)] as const),
    ...inferry.tools.map(
      (tool) => [tool.name, (bus: Bus, o: CallOptions) => bus.callTool(tool, {}, o)] as const,
    ),
  ]);
}

it('a bus with one user for all still keeps made-up principals out', async () => {
  const nats = await startNats();
  const { PATH } = process.env;
  const plain = await startCluster({
    ...{ replicas: 1, auth: 'none', port: 0 },
    env: { PATH, NATS_URL: nats.url, REPLICATE_API_TOKEN: platformKey, LOG_LEVEL: 'warn' },
    onLine: () => undefined,
  });
  try {
    await plain.ready(60_000);
    const bus = createBus(await connectNats({ url: nats.url, name: 'stranger' }), { name: 'stranger' });
    const options = { principal: localPrincipal, timeoutMs: 5_000 };
    const key = createRecipient().publicKey;

    expect(await codeOf(bus.call(openCredential, { provider: 'replicate', public_key: key }, options))).toBe(
      'unauthorized',
    );
    expect(await codeOf(bus.callTool(canonicalTool(listRuns), {}, options))).toBe('unauthorized');
    expect(
      await codeOf(
        bus.callTool(canonicalTool(runModel), { model: 'local/embed', input: { text: 'x' } }, options),
      ),
    ).toBe('unauthorized');
    const answers = await Promise.all(
      [...everyQuestion()].map(async ([subject, ask]) => [subject, await codeOf(ask(bus, options))] as const),
    );
    // What is not served here, an opt-in surface or toolset, has nobody who could answer.
    const served = answers.filter(([, code]) => code !== 'unavailable');
    expect(served.filter(([, code]) => code !== 'unauthorized')).toEqual([]);
    expect(served.length).toBeGreaterThan(30);
    await bus.close();
  } finally {
    await plain.stop();
    await nats.stop();
  }
}, 120_000);
