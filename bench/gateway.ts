import { loadavg } from 'node:os';
import { measureAll, measurePair, type Pace, type Sample } from './gateway/measure.ts';
import { type Aim, ratioLines, tableLines } from './gateway/report-lines.ts';
import { Processes, type Server } from './gateway/started.ts';
import { type Figures, type Ratio, ratioOf, toFigures, toRatio } from './gateway/summary.ts';
import { targets } from './gateway/targets.ts';
import { edgeWorkloads, mountPairs, overLimit, workloads } from './gateway/workloads.ts';
import { type BenchOptions, type BenchResult, median, round } from './report.ts';

const full: Pace = { rounds: 3, seconds: 1.5, prewarmSeconds: 0.4, connections: [16, 1] };
const quick: Pace = { rounds: 3, seconds: 0.7, prewarmSeconds: 0.2, connections: [16] };

/** What the project wants of its gateway. */
const aims: Readonly<Record<string, Aim>> = {
  profile_call_to_canonical: { least: 0.95 },
  profile_steps_to_canonical: { least: 0.95 },
  embedded_profile_call_to_canonical: { least: 0.95 },
  embedded_profile_steps_to_canonical: { least: 0.95 },
  quick_call_to_l2: { least: 0.8, aim: 1 },
  // Its limit does neither count nor check anything.
  quick_call_to_l2m: { least: 0.5, aim: 0.9 },
  quick_call_to_sdk_v2: { least: 4 },
  list_to_l1: { least: 0.5 },
  list_to_l2: { least: 0.8 },
  list_to_sdk_v2: { least: 10 },
  discover_to_l2: { least: 0.8 },
  discover_to_l1: { least: 0.5 },
  initialize_to_l2: { least: 0.8 },
  initialize_to_l1: { least: 0.5 },
  progress_call_to_l2: { least: 0.7, aim: 0.9 },
};

/** Our gateway beside the limits of its parts and the servers that others publish, all in one run. */
export async function gateway({ isQuick }: BenchOptions): Promise<BenchResult> {
  const pace = isQuick ? quick : full;
  const processes = await Processes.start();
  try {
    await processes.startService('catalog');
    const servers: Server[] = [];
    for (const target of targets) {
      if (!isQuick || target.isExtra !== true) servers.push(await processes.startServer(target));
    }
    const mounts = await compareMounts(processes, servers, isQuick ? 40 : 80);
    const samples = await measureAll(processes, servers, { pace, onSample: tell });
    return toResult(samples, { pace, isPinned: processes.isPinned, mounts });
  } finally {
    await processes.stop();
  }
}

/** A call at a profile's mount beside the canonical one, in the gateway alone and with the service in its process. */
async function compareMounts(
  processes: Processes,
  servers: readonly Server[],
  slices: number,
): Promise<Record<string, Ratio>> {
  const ratios: Record<string, Ratio> = {};
  for (const [target, prefix] of [
    ['ours', ''],
    ['ours_embedded', 'embedded_'],
  ] as const) {
    const server = servers.find((one) => one.target.name === target);
    if (server === undefined) continue;
    for (const pair of mountPairs) {
      const ratio = toRatio(await measurePair(processes, { server, pair, slices, seconds: 0.1 }));
      if (ratio !== undefined) ratios[`${prefix}${pair.name}_to_canonical`] = ratio;
    }
  }
  return ratios;
}

function tell({
  round: number,
  target,
  workload,
  connections,
  perSecond,
  cpuUs,
  failed,
  sample,
}: Sample): void {
  const wrong = failed === 0 ? '' : `  ${failed} FAILED: ${sample}`;
  process.stderr.write(
    `round ${number + 1}  ${workload} x${connections}  ${target}  ${perSecond.toFixed(0)}/s  ${cpuUs.toFixed(0)} us${wrong}\n`,
  );
}

function toResult(
  samples: readonly Sample[],
  { mounts, ...run }: { pace: Pace; isPinned: boolean; mounts: Record<string, Ratio> },
): BenchResult {
  const figures = toFigures(samples);
  const ratios = { ...toRatios(samples), ...mounts };
  const failed = samples.reduce((sum, sample) => sum + sample.failed, 0);
  const conditions = toConditions(samples, run);
  const refusals = toRefusals(figures);
  return {
    figures: {
      ratios: Object.fromEntries(Object.entries(ratios).map(([name, { value }]) => [name, value])),
      spread: ratios,
      added_p50_ms_to_l2: addedLatency(figures),
      refusal_cost: refusals,
      failed,
      conditions,
      servers: figures,
    },
    lines: [
      ...tableLines(figures),
      '',
      'Ratios: requests a second of one core, ours divided by the other (median, lowest and highest round)',
      ...ratioLines(ratios, aims),
      '',
      `p50 at one connection above L2: ${JSON.stringify(addedLatency(figures))} ms (at most 0.3)`,
      `a refusal's processor time, of an accepted quick call: ${JSON.stringify(refusals)} (below 1, aim 0.5)`,
      `wrong answers: ${failed}`,
      JSON.stringify(conditions),
      ...notes(samples, run.isPinned),
    ],
  };
}

function toRatios(samples: readonly Sample[]): Record<string, Ratio> {
  const ratios: Record<string, Ratio> = {};
  const peers = targets.filter(({ name }) => !name.startsWith('ours'));
  for (const ours of ['ours', 'ours_embedded']) {
    for (const { name: workload } of workloads) {
      for (const { name: peer } of peers) {
        const ratio = ratioOf(samples, { ours, peer, workload, connections: 16 });
        const prefix = ours === 'ours' ? '' : 'embedded_';
        if (ratio !== undefined) ratios[`${prefix}${workload}_to_${peer}`] = ratio;
      }
    }
  }
  return ratios;
}

/** What the gateway adds to the shortest time a call over NATS can take. */
function addedLatency(figures: Figures): Record<string, number> {
  return Object.fromEntries(
    workloads.flatMap(({ name }) => {
      const ours = figures.ours?.[name]?.['1'];
      const limit = figures.l2?.[name]?.['1'];
      return ours === undefined || limit === undefined ? [] : [[name, round(ours.p50_ms - limit.p50_ms, 3)]];
    }),
  );
}

/** Each refusal beside the call that it spares; 413 ends its connection, so its peer opens one too. */
function toRefusals(figures: Figures): Record<string, number> {
  const ours = figures.ours ?? {};
  return Object.fromEntries(
    [...edgeWorkloads, overLimit].flatMap(({ name, connection, status }) => {
      const refused = (ours[name] ?? figures.ours_over_limit?.[name])?.['16'];
      const accepted = ours[connection === 'new' ? 'quick_call_new_connection' : 'quick_call']?.['16'];
      if (status === 200 || refused === undefined || accepted === undefined) return [];
      return [[name, round(refused.cpu_us / accepted.cpu_us)]];
    }),
  );
}

function toConditions(samples: readonly Sample[], { pace, isPinned }: { pace: Pace; isPinned: boolean }) {
  const middle = (read: (sample: Sample) => number) => round(median(samples.map(read)));
  return {
    node: process.version,
    rounds: pace.rounds,
    seconds: pace.seconds,
    pinned: isPinned,
    load_average: loadavg().map((value) => round(value, 1)),
    foreign_share_of_server_core: middle(({ foreignShare }) => foreignShare),
    busy_share_of_other_core: middle(({ otherCoreShare }) => otherCoreShare),
    generator_share_highest: round(Math.max(...samples.map(({ generatorShare }) => generatorShare))),
  };
}

function* notes(samples: readonly Sample[], isPinned: boolean): Generator<string> {
  if (!isPinned)
    yield 'NOTE: not pinned to cores (needs taskset and two cores), so servers and generator compete.';
  const many = samples.filter(({ connections }) => connections === 16);
  const foreign = median(many.map(({ foreignShare }) => foreignShare));
  if (foreign > 0.15) {
    yield `NOTE: others took ${(foreign * 100).toFixed(0)} % of the server's core; read the ratios of a core, not what came.`;
  }
  const held = many.filter(({ serverShare, foreignShare }) => serverShare + foreignShare < 0.85);
  if (held.length > 0) {
    const names = [...new Set(held.map(({ target, workload }) => `${target} ${workload}`))];
    yield `NOTE: the other core, not the server, was the limit of what came in: ${names.join(', ')}.`;
  }
  yield 'The generator shares its core with NATS, Redis and the processes that answer.';
}
