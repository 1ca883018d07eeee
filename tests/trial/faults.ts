// The faults of a trial, drawn from a seed: processes killed, frozen and stopped, stores restarted and taken away, links
// cut, reset and slowed down, whole hosts partitioned, clocks set wrongly.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Replica } from '@inferry/cli';
import type { Random } from './random.ts';
import type { Link, TrialSystem } from './system.ts';

const faultWeights = {
  kill: 32,
  freeze: 16,
  terminate: 6,
  restart_store: 8,
  store_away: 5,
  cut_store_link: 12,
  slow_store_link: 6,
  reset_platform: 6,
  cut_platform: 6,
  partition: 8,
  clock: 4,
} as const;
export type FaultKind = keyof typeof faultWeights;

export interface FaultRecord {
  at: number;
  kind: FaultKind;
  what: string;
  endedAt: number | undefined;
}

/** Draws and carries out faults until the signal; each undoes itself, and all have been undone when this resolves. */
export async function breakThings(
  system: TrialSystem,
  random: Random,
  { everyMs, signal }: { everyMs: number; signal: AbortSignal },
): Promise<FaultRecord[]> {
  const records: FaultRecord[] = [];
  const running = new Set<Promise<void>>();
  const busy = new Set<string>();
  while (!signal.aborted) {
    await sleep(everyMs * (0.4 + random.next() * 1.2), undefined, { signal }).catch(() => undefined);
    if (signal.aborted) break;
    const kind = random.weighted(faultWeights);
    const fault = draw(kind, { system, random, busy });
    if (fault === undefined) continue;
    const record: FaultRecord = { at: Date.now(), kind, what: fault.what, endedAt: undefined };
    records.push(record);
    const ended = fault.run(signal).finally(() => {
      record.endedAt = Date.now();
      fault.release();
    });
    running.add(ended);
    void ended.finally(() => running.delete(ended));
  }
  await Promise.all(running);
  return records;
}

interface Fault {
  what: string;
  run(signal: AbortSignal): Promise<void>;
  release(): void;
}

interface Draw {
  system: TrialSystem;
  random: Random;
  /** What is broken already. */
  busy: Set<string>;
}

function draw(kind: FaultKind, draw: Draw): Fault | undefined {
  const { system, random } = draw;
  switch (kind) {
    case 'kill':
    case 'terminate': {
      const replica = random.pick(system.cluster.replicas);
      return fault(draw, nameOf(replica), async () => {
        replica.kill(kind === 'kill' ? 'SIGKILL' : 'SIGTERM');
      });
    }
    case 'freeze': {
      const replica = random.pick(system.cluster.replicas);
      const forMs = random.between(3_000, 14_000);
      return fault(draw, nameOf(replica), (signal) =>
        unheard(system, nameOf(replica), () => freeze(replica, forMs, signal)),
      );
    }
    case 'restart_store':
    case 'store_away':
      return storeFault(draw, kind);
    case 'clock': {
      const replica = random.pick(system.cluster.of('inference-poller'));
      const byMs = random.pick([-600_000, -10_000, 4_000, 10_000, 60_000, 7_200_000]);
      return fault(draw, nameOf(replica), async (signal) => {
        await system.shiftClock(nameOf(replica), byMs);
        replica.kill('SIGKILL');
        await pause(25_000, signal);
        await system.shiftClock(nameOf(replica), 0);
        replica.kill('SIGKILL');
      });
    }
    default:
      return linkFault(draw, kind);
  }
}

function storeFault({ system, random, busy }: Draw, kind: 'restart_store' | 'store_away'): Fault | undefined {
  const name = random.pick(['nats', 'redis', 'postgres'] as const);
  const server = system.cluster.servers[name];
  const awayMs = kind === 'store_away' ? random.between(4_000, 15_000) : 0;
  return fault({ busy }, name, async (signal) => {
    await server?.kill();
    await pause(awayMs, signal);
    await server?.restart();
  });
}

type LinkFault = 'cut_store_link' | 'slow_store_link' | 'reset_platform' | 'cut_platform' | 'partition';

function linkFault({ system, random, busy }: Draw, kind: LinkFault): Fault | undefined {
  const process = nameOf(random.pick(system.cluster.of('inference-poller')));
  const forMs = random.between(3_000, 20_000);
  const links = pickLinks(kind, { links: system.links, process, random });
  const what = links.map((link) => `${link.process}>${link.to}`).join(' ');
  return fault({ busy }, what, async (signal) => {
    for (const { proxy } of links) {
      if (kind === 'reset_platform') proxy.reset();
      else if (kind === 'slow_store_link') proxy.latency(random.between(50, 300));
      else proxy.blackhole();
    }
    if (kind === 'reset_platform') return;
    const isCut = links.some(({ to }) => to === 'platform');
    if (isCut) await unheard(system, process, () => pause(forMs, signal));
    else await pause(forMs, signal);
    for (const { proxy } of links) proxy.restore();
  });
}

function pickLinks(
  kind: LinkFault,
  { links, process, random }: { links: readonly Link[]; process: string; random: Random },
): readonly Link[] {
  const ofPoller = links.filter((link) => link.process === process);
  if (kind === 'partition') return ofPoller;
  if (kind === 'reset_platform' || kind === 'cut_platform')
    return ofPoller.filter(({ to }) => to === 'platform');
  return [random.pick(links.filter(({ to }) => to !== 'platform'))];
}

/** Undefined where the same thing is broken already. */
function fault({ busy }: Pick<Draw, 'busy'>, what: string, run: Fault['run']): Fault | undefined {
  if (busy.has(what)) return undefined;
  busy.add(what);
  return { what, run, release: () => busy.delete(what) };
}

/** While it lasts, what the platform says reaches nobody. */
async function unheard(system: TrialSystem, process: string, during: () => Promise<void>): Promise<void> {
  const { unreachable } = system.platform;
  unreachable.push(process);
  await during();
  unreachable.splice(unreachable.indexOf(process), 1);
}

async function freeze(replica: Replica, forMs: number, signal: AbortSignal): Promise<void> {
  replica.kill('SIGSTOP');
  await pause(forMs, signal);
  replica.kill('SIGCONT');
}

function nameOf({ service, index }: Replica): string {
  return `${service}.${index}`;
}

/** A wait that the end of the trial cuts short. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
