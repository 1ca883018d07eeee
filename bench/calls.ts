import { type Bus, createBus, createInProcessTransport } from '@inferry/bus';
import { connectNats } from '@inferry/bus/nats';
import { listProviders, localPrincipal } from '@inferry/contracts';
import { startNats } from '@inferry/testing';
import { connect } from '@nats-io/transport-node';
import { type BenchResult, percentile, round } from './report.ts';

const warmUp = 2_000;
const sequential = 3_000;
const parallel = 16;
const perLane = 2_000;

interface Lane {
  name: string;
  once(): Promise<unknown>;
}

/** One call through the bus, in process and over NATS, beside NATS's own `request()` in the same run. */
export async function calls(): Promise<BenchResult> {
  const nats = await startNats();
  const inProcess = createInProcessTransport();
  const served = [
    createBus(inProcess, { name: 'catalog' }),
    createBus(await connectNats({ url: nats.url, name: 'server' }), { name: 'catalog' }),
  ];
  for (const bus of served) bus.serve(listProviders, async () => ({ providers: [] }));
  const remote = createBus(await connectNats({ url: nats.url, name: 'caller' }), { name: 'bench' });
  const local = createBus(inProcess, { name: 'bench' });
  const bare = await connect({ servers: nats.url });
  const echo = await connect({ servers: nats.url });
  echo.subscribe('echo', { queue: 'q', callback: (_error, message) => void message.respond(message.data) });
  await echo.flush();
  const lanes: Lane[] = [
    { name: 'in_process', once: () => call(local) },
    { name: 'nats', once: () => call(remote) },
    { name: 'nats_request', once: () => bare.request('echo', '{}', { timeout: 5_000 }) },
  ];
  const figures: Record<string, Record<string, number>> = {};
  for (const lane of lanes) figures[lane.name] = await measure(lane);
  await Promise.all([...served, remote, local].map((bus) => bus.close()));
  await Promise.all([bare.close(), echo.close()]);
  await nats.stop();
  return {
    figures,
    lines: Object.entries(figures).map(([name, figure]) => `${name.padEnd(13)} ${JSON.stringify(figure)}`),
  };
}

function call(bus: Bus): Promise<unknown> {
  return bus.call(listProviders, {}, { principal: localPrincipal });
}

async function measure({ once }: Lane): Promise<Record<string, number>> {
  for (let index = 0; index < warmUp; index += 1) await once();
  const times: number[] = [];
  for (let index = 0; index < sequential; index += 1) {
    const startedAt = performance.now();
    await once();
    times.push((performance.now() - startedAt) * 1_000);
  }
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: parallel }, () => repeat(once)));
  const perSecond = (parallel * perLane) / ((performance.now() - startedAt) / 1_000);
  return {
    p50_us: round(percentile(times, 0.5), 0),
    p99_us: round(percentile(times, 0.99), 0),
    per_second_16: round(perSecond, 0),
  };
}

async function repeat(once: () => Promise<unknown>): Promise<void> {
  for (let index = 0; index < perLane; index += 1) await once();
}
