import { median, round } from '../report.ts';
import type { Sample } from './measure.ts';

/** One workload of one server at one number of connections, over all rounds. */
export interface Figure {
  /** Requests a second of processor time of the server: what one core serves when nothing else holds it up. */
  per_core_second: number;
  /** Requests a second as they came. */
  per_second: number;
  per_second_low: number;
  per_second_high: number;
  cpu_us: number;
  p50_ms: number;
  p99_ms: number;
  server_share: number;
  generator_share: number;
  rss_mib: number;
}

export type Figures = Record<string, Record<string, Record<string, Figure>>>;

/** Figures by server, workload and connections. */
export function toFigures(samples: readonly Sample[]): Figures {
  const figures: Figures = {};
  const groups = Object.groupBy(
    samples,
    ({ target, workload, connections }) => `${target} ${workload} ${connections}`,
  );
  for (const group of Object.values(groups)) {
    const first = group?.[0];
    if (group === undefined || first === undefined) continue;
    figures[first.target] ??= {};
    const byWorkload = figures[first.target] ?? {};
    byWorkload[first.workload] = { ...byWorkload[first.workload], [first.connections]: toFigure(group) };
  }
  return figures;
}

function toFigure(samples: readonly Sample[]): Figure {
  const middle = (read: (sample: Sample) => number, digits = 2) => round(median(samples.map(read)), digits);
  const rates = samples.map(({ perSecond }) => perSecond);
  const cpuUs = median(samples.map((sample) => sample.cpuUs));
  return {
    per_core_second: round(1e6 / cpuUs, 0),
    per_second: round(median(rates), 0),
    per_second_low: round(Math.min(...rates), 0),
    per_second_high: round(Math.max(...rates), 0),
    cpu_us: round(cpuUs, 1),
    p50_ms: middle(({ p50Ms }) => p50Ms, 3),
    p99_ms: middle(({ p99Ms }) => p99Ms, 3),
    server_share: middle(({ serverShare }) => serverShare),
    generator_share: middle(({ generatorShare }) => generatorShare),
    rss_mib: middle(({ rssMib }) => rssMib, 0),
  };
}

export interface Ratio {
  value: number;
  low: number;
  high: number;
  /** The same of requests a second as they came. */
  measured: number;
}

type Measured = Pick<Sample, 'perSecond' | 'cpuUs'>;

export interface Compared {
  ours: string;
  peer: string;
  workload: string;
  connections: number;
}

/** Ours divided by the peer's, round by round, so that both were measured in the same minute. */
export function ratioOf(samples: readonly Sample[], compared: Compared): Ratio | undefined {
  const of = (target: string) =>
    samples.filter(
      (sample) =>
        sample.target === target &&
        sample.workload === compared.workload &&
        sample.connections === compared.connections,
    );
  const peers = of(compared.peer);
  const pairs = of(compared.ours).flatMap((own) => {
    const peer = peers.find((sample) => sample.round === own.round);
    return peer === undefined || own.ok === 0 || peer.ok === 0 ? [] : [{ own, peer }];
  });
  return toRatio(pairs);
}

/** Of samples that were taken one beside the other. */
export function toRatio(pairs: readonly { own: Measured; peer: Measured }[]): Ratio | undefined {
  if (pairs.length === 0) return undefined;
  const measured = pairs.map(({ own, peer }) => own.perSecond / peer.perSecond);
  const byCore = pairs.map(({ own, peer }) => peer.cpuUs / own.cpuUs);
  // Without /proc only what was measured is known.
  const values = byCore.every(Number.isFinite) ? byCore : measured;
  return {
    value: round(median(values)),
    low: round(Math.min(...values)),
    high: round(Math.max(...values)),
    measured: round(median(measured)),
  };
}
