import { setTimeout as sleep } from 'node:timers/promises';
import { residentMib } from '../processes.ts';
import { busySeconds, cpuSeconds, otherCore, serverCore } from './cores.ts';
import type { Processes, Server } from './started.ts';
import type { MountPair, Workload } from './workloads.ts';

/** One run of one workload against one server. */
export interface Sample {
  round: number;
  target: string;
  workload: string;
  connections: number;
  perSecond: number;
  /** Processor time of the server's process, microseconds a request. */
  cpuUs: number;
  p50Ms: number;
  p99Ms: number;
  /** Share of one core that the server's process took: below 0.9 something else was the limit. */
  serverShare: number;
  generatorShare: number;
  /** Share of the server's core that somebody else took: what the machine did besides. */
  foreignShare: number;
  /** Share of the generator's core that was busy, with everything that runs there. */
  otherCoreShare: number;
  rssMib: number;
  ok: number;
  failed: number;
  sample: string | undefined;
}

export interface Pace {
  rounds: number;
  seconds: number;
  prewarmSeconds: number;
  connections: readonly number[];
}

interface Step {
  server: Server;
  workload: Workload;
  connections: number;
}

/** A server is left alone for a moment before it is measured, so that it pays for no other one's rest. */
const settleMs = 30;

/** Rounds over all servers: neighbours in time are compared, so that a busy moment of the machine hits all alike. */
export async function measureAll(
  processes: Processes,
  servers: readonly Server[],
  { pace, onSample }: { pace: Pace; onSample: (sample: Sample) => void },
): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (const server of servers) await warm(processes, server, pace.prewarmSeconds * 2);
  for (let round = 0; round < pace.rounds; round += 1) {
    const steps = stepsOf(round % 2 === 0 ? servers : [...servers].reverse(), pace.connections);
    for (const step of steps) {
      const sample = { round, ...(await measureOne(processes, step, pace)) };
      samples.push(sample);
      onSample(sample);
    }
  }
  return samples;
}

/** Throws when a server has no good answer to something: what it does instead says nothing about its speed. */
async function warm(processes: Processes, { port, target }: Server, seconds: number): Promise<void> {
  for (const workload of target.workloads) {
    const { ok, sample } = await processes.load({ port, workload, connections: 16, seconds });
    if (ok === 0) throw new Error(`${target.name} answers "${workload.label}" wrongly: ${sample}`);
  }
}

function stepsOf(servers: readonly Server[], connections: readonly number[]): Step[] {
  const names = new Set(servers.flatMap(({ target }) => target.workloads.map(({ name }) => name)));
  return [...names].flatMap((name) =>
    connections.flatMap((count) =>
      servers.flatMap((server) => {
        const workload = server.target.workloads.find((candidate) => candidate.name === name);
        // One connection shows latency, which only the most telling peers are asked for.
        const isAsked = workload !== undefined && (count > 1 || server.target.isExtra !== true);
        return isAsked ? [{ server, workload, connections: count }] : [];
      }),
    ),
  );
}

/**
 * The two requests of a pair at one server, by turns in short slices whose order changes: what differs is the requests, and
 * not what the machine did meanwhile.
 */
export async function measurePair(
  processes: Processes,
  { server, pair, slices, seconds }: { server: Server; pair: MountPair; slices: number; seconds: number },
): Promise<{ own: Measured; peer: Measured }[]> {
  const pace = { seconds, prewarmSeconds: 0 };
  const ask = async (workload: Workload) => {
    const measured = await measureOne(processes, { server, workload, connections: 16 }, pace);
    if (measured.failed > 0) throw new Error(`${pair.name} is answered wrongly: ${measured.sample}`);
    return measured;
  };
  for (let times = 0; times < 5; times += 1)
    for (const workload of [pair.profile, pair.canonical]) await ask(workload);
  const taken: { own: Measured; peer: Measured }[] = [];
  for (let slice = 0; slice < slices; slice += 1) {
    const isFirst = slice % 2 === 0;
    const first = await ask(isFirst ? pair.profile : pair.canonical);
    const second = await ask(isFirst ? pair.canonical : pair.profile);
    taken.push(isFirst ? { own: first, peer: second } : { own: second, peer: first });
  }
  return taken;
}

type Measured = Omit<Sample, 'round'>;

async function measureOne(
  processes: Processes,
  step: Step,
  pace: Pick<Pace, 'seconds' | 'prewarmSeconds'>,
): Promise<Omit<Sample, 'round'>> {
  const { server, workload, connections } = step;
  const load = { port: server.port, workload, connections };
  await sleep(settleMs);
  if (pace.prewarmSeconds > 0) await processes.load({ ...load, seconds: pace.prewarmSeconds });
  const cpuBefore = cpuSeconds(server.pid);
  const busyBefore = busySeconds();
  const result = await processes.load({ ...load, seconds: pace.seconds });
  const cpu = cpuSeconds(server.pid) - cpuBefore;
  const busy = busySeconds();
  return {
    target: server.target.name,
    workload: workload.name,
    connections,
    perSecond: result.ok / result.seconds,
    cpuUs: (cpu * 1e6) / Math.max(1, result.ok),
    p50Ms: result.p50Ms,
    p99Ms: result.p99Ms,
    serverShare: cpu / result.seconds,
    generatorShare: result.cpuShare,
    foreignShare: Math.max(
      0,
      ((busy[serverCore] ?? 0) - (busyBefore[serverCore] ?? 0) - cpu) / result.seconds,
    ),
    otherCoreShare: ((busy[otherCore] ?? 0) - (busyBefore[otherCore] ?? 0)) / result.seconds,
    rssMib: residentMib(server.pid),
    ok: result.ok,
    failed: result.failed,
    sample: result.sample,
  };
}
