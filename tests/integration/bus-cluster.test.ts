/** Three servers of NATS as one, with the users that services have there: each may go away, and callers go on by the others. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Bus, createBus } from '@inferry/bus';
import { connectNats } from '@inferry/bus/nats';
import { AppError, listProviders, localPrincipal, runFinished } from '@inferry/contracts';
import { freePort, type LocalServer, startNats } from '@inferry/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';

const password = (user: string) => `p-${user}`;
const services = ['auth', 'catalog', 'inference-poller', 'upload', 'compute', 'mcp-gateway', 'cli'];
const servers: LocalServer[] = [];
const buses: Bus[] = [];

beforeAll(async () => {
  const ports = [await freePort(), await freePort(), await freePort()];
  for (const [place, port] of ports.entries())
    servers.push(await startNats({ config: configOf(place, port, ports) }));
});
afterAll(async () => {
  await Promise.all(buses.map((bus) => bus.close()));
  await Promise.all(servers.map((server) => server.stop()));
});

/** What Compose's servers read; the variables stand in the file, and ports are free ones. */
function configOf(place: number, port: number, ports: readonly number[]): string {
  const read = (name: string) => readFileSync(join(import.meta.dirname, '../../deploy/nats', name), 'utf8');
  const variables = [
    `NATS_SERVER_NAME: nats-${place}`,
    ...services.map(
      (name) => `NATS_PASSWORD_${name.toUpperCase().replaceAll('-', '_')}: "${password(name)}"`,
    ),
    `NATS_PASSWORD_ROUTES: "${password('routes')}"`,
    ...ports.map((of, index) => {
      return `NATS_ROUTE_${index + 1}: "nats-route://routes:${password('routes')}@127.0.0.1:${of}"`;
    }),
  ];
  const cluster = read('cluster.conf').replace('include ./nats.conf', read('nats.conf'));
  return [...variables, cluster.replace('0.0.0.0:6222', `127.0.0.1:${port}`)].join('\n');
}

async function enter(user: string): Promise<Bus> {
  const url = servers.map(({ port }) => `nats://${user}:${password(user)}@127.0.0.1:${port}`).join(',');
  const bus = createBus(await connectNats({ url, name: user }), { name: user });
  buses.push(bus);
  return bus;
}

it('loses no call for good and no listener when each of the three is killed in turn', async () => {
  const catalogs = [await enter('catalog'), await enter('catalog')];
  for (const catalog of catalogs) catalog.serve(listProviders, async () => ({ providers: [] }));
  const gateways = [await enter('mcp-gateway'), await enter('mcp-gateway'), await enter('mcp-gateway')];
  const heard = gateways.map((gateway) => {
    const of = new Set<string>();
    gateway.on(runFinished, ({ run_id: id }) => void of.add(id));
    return of;
  });
  const poller = await enter('inference-poller');
  const ask = (gateway: Bus) =>
    gateway.call(listProviders, {}, { principal: localPrincipal, timeoutMs: 15_000 }).then(
      () => 'answered',
      (error: unknown) => (error instanceof AppError ? error.code : String(error)),
    );
  const outcomes: string[] = [];
  const end = new AbortController();
  const callers = gateways.map(async (gateway) => {
    while (!end.signal.aborted) {
      outcomes.push(await ask(gateway));
      await sleep(20);
    }
  });

  for (const [round, server] of servers.entries()) {
    await server.kill();
    // Everybody's calls are answered again while it is away.
    await expect.poll(() => Promise.all(gateways.map(ask))).toEqual(gateways.map(() => 'answered'));
    let sent = 0;
    const isHeard = (of: Set<string>) => [...of].some((id) => id.startsWith(`run_${round}_`));
    await expect
      .poll(() => {
        const told = { run_id: `run_${round}_${++sent}`, subject: 'ada', version: 1 };
        poller.publish(runFinished, { ...told, status: 'succeeded', model: 'm/m', provider: 'm' });
        return heard.every(isHeard);
      })
      .toBe(true);
    await server.restart();
  }
  end.abort();
  await Promise.all(callers);

  expect(outcomes.filter((outcome) => outcome !== 'answered' && outcome !== 'unavailable')).toEqual([]);
  // Calls that are under way when a server dies wait for another, so that a fast machine sees few besides the first.
  expect(outcomes.filter((outcome) => outcome === 'answered').length).toBeGreaterThanOrEqual(gateways.length);
});
