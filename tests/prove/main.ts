// npm run prove -- [--seeds 2000] [--from 1] [--seed N] [--mutation NAME] [--mutations] [--json]
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import { takeOver } from './globals.ts';
import { isMutation, mutate, mutationNames } from './mutations.ts';
import type { WorldReport } from './world.ts';

const usage = `npm run prove -- [--seeds 2000] [--from 1] [--json]   so many worlds, each drawn from its seed
npm run prove -- --seed N                               one of them, step for step
npm run prove -- --mutations [--seeds 2000]             each guard taken out in turn, until that is found
npm run prove -- --mutation NAME [--seeds 2000]         one of them; with --seed N, what it leads to
Exit code 1: a promise was broken (with a mutation: none was).
Mutations: ${mutationNames.join(', ')}`;

/** What all worlds did together. */
class Total {
  readonly figures = { steps: 0, simulated_hours: 0, runs: 0, taken: 0, answers: 0, faults: 0 };
  hash = 0;
  readonly #drawn: Record<string, number> = {};

  add(report: Omit<WorldReport, 'violations'>): void {
    this.hash = (Math.imul(this.hash, 31) + Number.parseInt(report.hash, 16)) >>> 0;
    this.figures.steps += report.steps;
    this.figures.simulated_hours += report.simulatedMs / 3_600_000;
    this.figures.runs += report.runs;
    this.figures.taken += report.taken;
    this.figures.answers += report.answered;
    this.figures.faults += report.faults.length;
    for (const [what, count] of Object.entries(report.counts))
      this.#drawn[what] = (this.#drawn[what] ?? 0) + count;
  }

  /** How often what was drawn: what never was shows nothing. */
  drawn(): Record<string, number> {
    return Object.fromEntries(Object.entries(this.#drawn).sort(([one], [other]) => (one < other ? -1 : 1)));
  }
}

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '2000' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    mutation: { type: 'string' },
    mutations: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const startedAt = process.hrtime.bigint();
const seeds = wholeNumber('--seeds', values.seeds);
const from = wholeNumber('--from', values.from);

if (values.help) say(usage);
else if (values.mutations) process.exitCode = await proveMutations();
else process.exitCode = await proveWorlds();

/** Exit code 0: what was looked for was found, or not where nothing was to be. */
async function proveWorlds(): Promise<number> {
  const { mutation } = values;
  if (mutation !== undefined) {
    if (!isMutation(mutation)) return fail(`there is no mutation ${mutation}`);
    mutate(mutation);
  }
  takeOver();
  const { runWorld } = await import('./world.ts');
  const strays: string[] = [];
  process.on('unhandledRejection', (error) => strays.push(`nobody caught ${String(error)}`));
  const live = async (seed: number, onStep?: (line: string) => void) => {
    const report = await runWorld(seed, onStep);
    return { ...report, violations: [...report.violations, ...strays.splice(0)] };
  };
  if (values.seed !== undefined) {
    const report = await live(wholeNumber('--seed', values.seed), say);
    say(JSON.stringify(report, undefined, 2));
    return report.violations.length === 0 ? 0 : 1;
  }
  const found = await proveMany(live, mutation);
  return (found === 0) === (mutation === undefined) ? 0 : 1;
}

type Live = (seed: number) => Promise<WorldReport>;

/** One after the other, or until one is found; answers how many broke a promise. */
async function proveMany(live: Live, mutation: string | undefined): Promise<number> {
  const total = new Total();
  const found: { seed: number; violations: string[] }[] = [];
  let seed = from;
  for (; seed < from + seeds && !(mutation !== undefined && found.length > 0); seed += 1) {
    const { violations, ...report } = await live(seed);
    if (violations.length > 0) found.push({ seed, violations });
    if (!values.json && violations.length > 0) say(`seed ${seed}: ${violations.join('; ')}`);
    if ((seed - from + 1) % 1_000 === 0 && mutation === undefined) showProgress(seed, found.length);
    total.add(report);
  }
  const seconds = Number(process.hrtime.bigint() - startedAt) / 1e9;
  const done = { seeds: seed - from, from, ...total.figures, seconds, hash: total.hash.toString(16) };
  const figures = { ...done, violations: found.length };
  const drawn = total.drawn();
  if (values.json) say(JSON.stringify({ ...figures, found, drawn }));
  else
    for (const [name, value] of Object.entries({ ...figures, ...drawn }))
      say(`${name.padEnd(22)} ${shown(value)}`);
  return found.length;
}

/** Beside the report, so that whoever has to stop knows where to go on. */
function showProgress(seed: number, found: number): void {
  const done = seed - from + 1;
  const eachMs = Number(process.hrtime.bigint() - startedAt) / 1e6 / done;
  process.stderr.write(
    `${done} of ${seeds} seeds, ${found} with a violation, ${eachMs.toFixed(0)} ms each (go on with --from ${seed + 1})\n`,
  );
}

/** A process each: what was taken out of one is in the next. */
async function proveMutations(): Promise<number> {
  const missed: string[] = [];
  for (const name of mutationNames) {
    const args = ['--mutation', name, '--seeds', values.seeds, '--from', values.from, '--json'];
    const child = spawn(process.execPath, [...process.execArgv, import.meta.filename, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const report = await text(child.stdout);
    // as: this program wrote it.
    const { seeds: took, found = [] } = JSON.parse(report || '{}') as {
      seeds?: number;
      found?: { violations: string[] }[];
    };
    const [first] = found;
    if (first === undefined) missed.push(name);
    const outcome = first === undefined ? 'NOT FOUND' : `found at seed ${took}: ${first.violations[0]}`;
    say(
      values.json
        ? JSON.stringify({ mutation: name, seeds: took, found: first })
        : `${name.padEnd(22)} ${outcome}`,
    );
  }
  say(missed.length === 0 ? 'every guard that was taken out was missed' : `not found: ${missed.join(', ')}`);
  return missed.length === 0 ? 0 : 1;
}

function shown(value: number | string): string {
  return typeof value === 'number' && !Number.isInteger(value) ? value.toFixed(1) : String(value);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function fail(problem: string): number {
  process.stderr.write(`${problem}\n${usage}\n`);
  return 2;
}

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0 && value < 2 ** 32) return value;
  process.exit(fail(`${name}: a whole number`));
}
