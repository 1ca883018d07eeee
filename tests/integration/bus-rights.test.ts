/** Who may do what on NATS: the table against what the services' code does, and against a real server. */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Bus, type BusTimings, createBus } from '@inferry/bus';
import { busRights, connectNats, natsConfig, natsPermissions } from '@inferry/bus/nats';
import * as contracts from '@inferry/contracts';
import { type LocalServer, startNats } from '@inferry/testing';
import { connect, type NatsConnection, PermissionViolationError } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';

const services = ['mcp-gateway', 'auth', 'catalog', 'inference-poller', 'upload', 'compute'];
const users = [...services, 'cli', 'fixtures'];
const every = [...contracts.operations, ...contracts.rpcs, ...contracts.events].map(({ subject }) => subject);

let server: LocalServer;
const connections: NatsConnection[] = [];
beforeAll(async () => {
  server = await startNats({ config: natsConfig(users.map((name) => ({ name, password: `p-${name}` }))) });
});
afterAll(async () => {
  await Promise.all(connections.map((connection) => connection.close()));
  await server.stop();
});

async function enter(user: string): Promise<NatsConnection> {
  const options = { servers: server.url, user, pass: `p-${user}`, noAsyncTraces: true };
  const connection = await connect(options);
  connections.push(connection);
  return connection;
}

/** Those of the subjects that the server lets this user listen to. */
async function heard(user: string, subjects: readonly string[]): Promise<string[]> {
  const connection = await enter(user);
  const refused = new Set<string>();
  for (const subject of subjects) {
    connection.subscribe(subject, {
      callback: (error) => {
        if (error instanceof PermissionViolationError) refused.add(subject);
      },
    });
  }
  await connection.flush();
  await connection.flush();
  return subjects.filter((subject) => !refused.has(subject));
}

/** Those of the subjects that the server lets this user publish to. */
async function told(user: string, subjects: readonly string[]): Promise<string[]> {
  const connection = await enter(user);
  const refused = new Set<string>();
  const watching = (async () => {
    for await (const status of connection.status()) {
      if (status.type === 'error' && status.error instanceof PermissionViolationError)
        refused.add(status.error.subject);
    }
  })();
  for (const subject of subjects) connection.publish(subject, '');
  await connection.flush();
  await connection.flush();
  await connection.close();
  await watching;
  return subjects.filter((subject) => !refused.has(subject));
}

/** What the patterns of the table stand for, among all that there is. */
function expand(patterns: readonly { subject: string }[], among: readonly string[] = every): string[] {
  const tests = patterns.map(({ subject }) => {
    const pattern = subject.replaceAll('.', '\\.').replaceAll('*', '[^.]+').replace(/>$/, '.+');
    return new RegExp(`^${pattern}$`);
  });
  return among.filter((subject) => tests.some((one) => one.test(subject)));
}

describe.each(services)('%s', (name) => {
  const rights = busRights[name] ?? { serves: [], asks: [], tells: [], hears: [] };

  it('hears what it serves and what is told to it, and nothing else', async () => {
    const allowed = new Set([...expand(rights.serves), ...expand(rights.hears)]);

    expect(await heard(name, every)).toEqual(every.filter((subject) => allowed.has(subject)));
    expect(
      await heard(name, ['>', '*', 'ops.>', 'rpc.v1.>', 'events.v1.>', 'inbox.>', '_INBOX.>', '$SYS.>']),
    ).toEqual([]);
  });

  it('asks and tells what it must, and nothing else', async () => {
    const allowed = new Set([...expand(rights.asks), ...expand(rights.tells)]);

    expect(await told(name, every)).toEqual(every.filter((subject) => allowed.has(subject)));
  });

  it('reads its own answers alone, and cancels its own calls alone', async () => {
    const others = users.filter((other) => other !== name);

    expect(await heard(name, [`inbox.${name}.x.*`, ...others.map((other) => `inbox.${other}.x.*`)])).toEqual([
      `inbox.${name}.x.*`,
    ]);
    expect(
      await told(
        name,
        others.map((other) => `cancel.v1.inbox.${other}.x.1`),
      ),
    ).toEqual([]);
  });

  it('has in the table every contract that its code uses', () => {
    const used = subjectsUsedBy(name);
    const known = new Set(Object.values(rights).flatMap((patterns) => expand(patterns, used)));

    expect(used.filter((subject) => !known.has(subject))).toEqual([]);
  });
});

/** The subjects of the contracts that a service's shipped code calls, serves or tells; one that a hint alone names (`callOf`, `argumentOf`) is not used. */
function subjectsUsedBy(service: string): string[] {
  const root = join(import.meta.dirname, '../..');
  const folder = join(root, 'services', service, 'src');
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    // What serves stdin and stdout is one process with all the others: no user of NATS asks for it.
    .filter((file) => file.endsWith('.ts') && !/\.test\.ts$|testing|test-|^stdio\//.test(file))
    .map((file) => readFileSync(join(folder, file), 'utf8'));
  const importing = /import \{([^}]*)\} from '@inferry\/contracts'/g;
  const names = files.flatMap((text) => {
    const used = text.replaceAll(importing, '').replaceAll(/(?:callOf|argumentOf)\(\w+/g, '');
    return [...text.matchAll(importing)]
      .flatMap(([, list = '']) => list.split(',').map((name) => name.trim()))
      .filter((name) => new RegExp(`\\b${name.replace(/\W/g, ' ')}\\b`).test(used));
  });
  const found = new Set(
    names.flatMap((name) => {
      const value: unknown = Object.entries(contracts).find(([key]) => key === name)?.[1];
      return typeof value === 'object' && value !== null && 'kind' in value && 'subject' in value
        ? [String(value.subject)].filter((subject) => /^(ops|rpc|events)\./.test(subject))
        : [];
    }),
  );
  return [...found];
}

test('keys are asked for by the services that call platforms, and by nobody else', async () => {
  const { openCredential } = contracts;
  const subjects = [openCredential.subject, `direct.v1.x.${openCredential.subject}`];
  const allowed = await Promise.all(
    users.map(async (user) => [user, (await told(user, subjects)).length] as const),
  );

  expect(allowed.filter(([, count]) => count > 0).map(([user]) => user)).toEqual([
    'catalog',
    'inference-poller',
    'compute',
  ]);
});

test('a service of an operator serves tools of its own, and gets no call of ours', async () => {
  const ours = contracts.operations.map(({ subject }) => subject);

  expect(await heard('fixtures', ['ops.v1.their_own', 'rpc.v1.fixtures.complete'])).toHaveLength(2);
  expect(await heard('fixtures', [...ours, 'rpc.v1.auth.verify_key'])).toEqual([]);
  expect(await told('fixtures', every)).toEqual(['events.v1.surface.changed', 'events.v1.resource.updated']);
});

test('without a user nobody enters', async () => {
  await expect(connect({ servers: server.url })).rejects.toThrow();
  await expect(connect({ servers: server.url, user: 'auth', pass: 'p-upload' })).rejects.toThrow();
});

test('whoever watches hears everything and says nothing', () => {
  expect(natsPermissions('operator')).toEqual({
    publish: { allow: [], deny: [] },
    subscribe: { allow: ['>'], deny: [] },
  });
});

describe('rights that change while services run', () => {
  const configured = natsConfig(users.map((name) => ({ name, password: `p-${name}` })));
  const { listProviders, prepareRuns, localPrincipal: principal } = contracts;
  const wanted = { model: 'm/m', inputs: [] };
  const prepared = { runs: [] };
  /** As a release before had it, that knew no such request. */
  const older = configured
    .split('\n')
    .filter((line) => !line.includes(listProviders.subject))
    .join('\n');
  const buses: Bus[] = [];
  let own: LocalServer;
  beforeAll(async () => {
    own = await startNats({ config: older });
  });
  afterAll(async () => {
    await Promise.all(buses.map((bus) => bus.close()));
    await own.stop();
  });

  async function enterAs(service: string, timings: Partial<BusTimings> = {}): Promise<Bus> {
    const url = own.url.replace('//', `//${service}:p-${service}@`);
    const transport = await connectNats({ url, name: service, service });
    const bus = createBus(transport, { name: service, timings });
    buses.push(bus);
    return bus;
  }

  const codeOf = (error: unknown) => contracts.toAppError(error).code;

  /** Calls one after the other until it is told to end; what became of each is written down. */
  function keepAsking(bus: Bus, outcomes: string[]): () => Promise<void> {
    const end = new AbortController();
    const asking = (async () => {
      while (!end.signal.aborted) {
        const call = bus.call(prepareRuns, wanted, { principal, timeoutMs: 120_000 });
        outcomes.push(await call.then(() => 'answered', codeOf));
        await sleep(5);
      }
    })();
    return async () => {
      end.abort();
      await asking;
    };
  }

  async function reload(config: string): Promise<void> {
    await writeFile(join(own.data, 'nats.conf'), config);
    process.kill(own.pid, 'SIGHUP');
  }

  it('are there for whoever came sooner, once the server has read them again, and no call fails', async () => {
    const old = { catalog: await enterAs('catalog'), poller: await enterAs('inference-poller') };
    old.catalog.serve(prepareRuns, async () => prepared);
    await expect.poll(() => old.poller.call(prepareRuns, wanted, { principal })).toEqual(prepared);
    const changes: boolean[] = [];
    for (const bus of Object.values(old)) bus.onStatus((isConnected) => changes.push(isConnected));
    const outcomes: string[] = [];
    const end = keepAsking(old.poller, outcomes);

    const fresh = { catalog: await enterAs('catalog'), gateway: await enterAs('mcp-gateway') };
    fresh.catalog.serve(prepareRuns, async () => prepared);
    fresh.catalog.serve(listProviders, async () => ({ providers: [] }));
    for (const bus of Object.values(fresh))
      await expect.poll(() => bus.problem).toContain('its configuration may be older than this release');
    await reload(configured);
    for (const bus of Object.values(fresh)) await expect.poll(() => bus.problem).toBeUndefined();
    const ask = () => fresh.gateway.call(listProviders, {}, { principal }).catch(codeOf);

    expect(await ask()).toEqual({ providers: [] });
    // Back again: what was granted once is no problem when it is taken away, since older replicas are about to serve.
    await reload(older);
    await expect.poll(ask).toBe('unavailable');
    expect(Object.values(fresh).map(({ problem }) => problem)).toEqual([undefined, undefined]);
    await reload(configured);
    await expect.poll(ask).toEqual({ providers: [] });
    await expect.poll(() => outcomes.length).toBeGreaterThan(20);
    await end();
    expect(outcomes.filter((outcome) => outcome !== 'answered')).toEqual([]);
    expect(changes).toEqual([]);
  });

  it('are read again when the reloader of the chart finds other files', async () => {
    const chart = readFileSync(join(import.meta.dirname, '../../deploy/chart/templates/stores.yaml'), 'utf8');
    const script = /name: reloader[\s\S]*?command: \[\/bin\/sh, -c, '(.*)'\]/.exec(chart)?.[1] ?? '';
    const here = script.replaceAll(/\/(etc\/nats|etc\/nats-users|tmp)\//g, `${own.data}/`);
    const gateway = await enterAs('mcp-gateway');
    const catalog = await enterAs('catalog');
    catalog.serve(listProviders, async () => ({ providers: [] }));
    await reload(older);
    const ask = () => gateway.call(listProviders, {}, { principal }).catch(codeOf);
    await expect.poll(ask).toBe('unavailable');
    await writeFile(join(own.data, 'nats.pid'), String(own.pid));

    const reloader = spawn('/bin/sh', ['-c', here], { detached: true, stdio: 'ignore' });
    try {
      await writeFile(join(own.data, 'nats.conf'), configured);

      await expect.poll(ask).toEqual({ providers: [] });
    } finally {
      process.kill(-(reloader.pid ?? 0), 'SIGKILL');
    }
  });

  it('and a server that restarts under load costs no call that may wait for as long as that takes', async () => {
    const catalogs = [await enterAs('catalog'), await enterAs('catalog')];
    for (const catalog of catalogs) catalog.serve(prepareRuns, async () => prepared);
    // Each restart may cost a call one of its three attempts, and a busy machine none.
    const patient = { takenMs: 4_000, lostAfterMs: 4_000, patienceMs: 60_000, heldMs: 60_000 };
    const pollers = [await enterAs('inference-poller', patient), await enterAs('inference-poller', patient)];
    await Promise.all(
      pollers.map((poller) =>
        expect.poll(() => poller.call(prepareRuns, wanted, { principal })).toEqual(prepared),
      ),
    );
    const outcomes: string[] = [];
    const ends = Array.from({ length: 5 }, () => pollers)
      .flat()
      .map((poller) => keepAsking(poller, outcomes));

    for (let round = 0; round < 2; round += 1) {
      await own.kill();
      await expect.poll(() => pollers.map(({ isConnected }) => isConnected)).toEqual([false, false]);
      await own.restart();
      const before = outcomes.length;
      await expect.poll(() => outcomes.length).toBeGreaterThan(before + 30);
    }

    await Promise.all(ends.map((end) => end()));
    expect(outcomes.filter((outcome) => outcome !== 'answered')).toEqual([]);
  });
});
