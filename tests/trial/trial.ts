// One trial: a cluster under load and faults until every call has been made, then everything restored and compared.
import { setBudget } from '@inferry/database';
import { breakThings, type FaultKind, type FaultRecord } from './faults.ts';
import { type LateAnswer, makeCalls } from './load.ts';
import { createRandom } from './random.ts';
import { startTrialSystem, type TrialSystem } from './system.ts';
import { comeToRest, type Findings, verify } from './verify.ts';

interface TrialOptions {
  runs: number;
  seconds: number;
  seed: number;
  replicas: number;
  /** Milliseconds between two faults, on average; 0: none. */
  faultEveryMs: number;
  /** The longest that the runs may take to end after the last fault. */
  restMs: number;
  env: Readonly<Record<string, string>>;
  /** The platform answers everything well, and can be asked: what breaks is the system alone, and it comes to rest soon. */
  isGentle?: boolean;
  /** Told what goes on. */
  say(line: string): void;
}

interface TrialReport extends Findings {
  seed: number;
  seconds: number;
  runs: number;
  refused_by_budget: number;
  answers: number;
  hung: number;
  late_answers: number;
  /** Of callers whose own gateway stood still: nothing of ours can answer them sooner. */
  late_behind_frozen_gateways: number;
  worst_late_ms: number;
  /** Processes that were ended by SIGKILL. */
  kills: number;
  faults: number;
  faults_by_kind: Partial<Record<FaultKind, number>>;
  seconds_to_rest: number;
  /** Calls to a platform without its key. */
  keyless_submissions: number;
  exit_codes: (number | null)[];
}

const subjects = ['ada', 'ben', 'cem', 'dee', 'eve'];
const budgets = { dee: 1.5, eve: 0.5 };

export async function runTrial(options: TrialOptions): Promise<TrialReport> {
  const { runs, seconds, seed, say } = options;
  const system = await startTrialSystem({ replicas: options.replicas, subjects, env: options.env });
  try {
    const report = await exercise(system, options);
    const exitCodes = await system.stop();
    say('stopped');
    return { ...report, seed, seconds, runs, exit_codes: exitCodes };
  } catch (error) {
    await system.stop().catch(() => undefined);
    throw error;
  }
}

async function exercise(
  system: TrialSystem,
  { runs, seconds, seed, faultEveryMs, restMs, isGentle = false, say }: TrialOptions,
): Promise<Omit<TrialReport, 'seed' | 'seconds' | 'runs' | 'exit_codes'>> {
  for (const [subject, limit] of Object.entries(budgets)) {
    const budget = { subject, period: 'total', currency: 'USD', limitMicros: limit * 1_000_000 } as const;
    await system.database.transaction((queries) => setBudget(queries, budget));
  }
  say(`cluster at ${system.cluster.url}; ${runs} runs in ${seconds} s, seed ${seed}`);
  const ending = new AbortController();
  const breaking: Promise<FaultRecord[]> =
    faultEveryMs === 0
      ? Promise.resolve([])
      : breakThings(system, createRandom(seed + 1), { everyMs: faultEveryMs, signal: ending.signal });
  const lastFault = setTimeout(() => ending.abort(), seconds * 1_000);
  const load = await makeCalls(system, createRandom(seed), { runs, seconds, subjects, isGentle });
  clearTimeout(lastFault);
  ending.abort();
  const faults = await breaking;
  for (const { proxy } of system.links) proxy.restore();
  say(`all calls made, ${faults.length} faults; waiting for rest`);
  await system.cluster.ready(60_000);
  const secondsToRest = await comeToRest(system.database, restMs);
  const findings = await verify(system, load.calls);
  const late = load.late.filter((answer) => !isBehindFrozenGateway(answer, faults));
  const count = (...kinds: FaultKind[]) => faults.filter(({ kind }) => kinds.includes(kind)).length;
  return {
    ...findings,
    details: [...findings.details, ...late.map((answer) => describeLate(answer, faults))].slice(0, 100),
    refused_by_budget: load.calls.filter(({ refused }) => refused !== undefined).length,
    answers: load.answers,
    hung: load.hung,
    late_answers: late.length,
    late_behind_frozen_gateways: load.late.length - late.length,
    worst_late_ms: load.worstLateMs,
    kills: count('kill') + 2 * count('clock'),
    faults: faults.length,
    faults_by_kind: Object.fromEntries(
      [...new Set(faults.map(({ kind }) => kind))].sort().map((kind) => [kind, count(kind)]),
    ),
    seconds_to_rest: secondsToRest,
    keyless_submissions: system.platform.keyless(),
  };
}

function isBehindFrozenGateway({ askedAt, tookMs }: LateAnswer, faults: FaultRecord[]): boolean {
  return faults.some(
    ({ kind, what, at, endedAt }) =>
      kind === 'freeze' &&
      what.startsWith('mcp-gateway') &&
      at < askedAt + tookMs &&
      (endedAt ?? at) > askedAt,
  );
}

/** With what was broken at the time: a fault of so long before may still be felt. */
function describeLate(
  { tool, askedAt, waitSeconds, tookMs, said }: LateAnswer,
  faults: FaultRecord[],
): string {
  const felt = faults.filter(({ at, endedAt }) => at < askedAt + tookMs && (endedAt ?? at) > askedAt - 8_000);
  const what = felt.map(({ kind, what, at }) => `${kind} ${what} ${((at - askedAt) / 1_000).toFixed(1)}`);
  return `late: ${tool} wait ${waitSeconds} s took ${Math.round(tookMs)} ms, ${said}; ${what.join(', ')}`;
}

/** What a trial promises: empty when all of it was kept. */
export function brokenPromises(report: TrialReport): string[] {
  const none = [
    'duplicate_submissions',
    'forgotten_handles',
    'wrong_ends',
    'split_references',
    'lost_runs',
    'ledger_difference',
    'ledger_problems',
    'audit_problems',
    'still_reserved',
    'overspent_budgets',
    'late_answers',
    'hung',
    'keyless_submissions',
  ] as const;
  return [
    ...none.flatMap((name) => (report[name] === 0 ? [] : [`${name}: ${report[name]}, not 0`])),
    ...(report.terminal === report.rows ? [] : [`${report.rows - report.terminal} runs did not end`]),
  ];
}
