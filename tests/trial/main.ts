// npm run trial:kill -- [--runs 1000] [--seconds N] [--seed N] [--replicas 2] [--fault-every MS] [--env NAME=VALUE] [--json]
import { parseArgs } from 'node:util';
import { brokenPromises, runTrial } from './trial.ts';

const usage =
  'npm run trial:kill -- [--runs 1000] [--seconds N] [--seed N] [--replicas 2] [--fault-every MS] [--rest SECONDS]\n' +
  '                      [--env NAME=VALUE …] [--gentle] [--json]\n' +
  'A cluster of real processes under load and faults drawn from a seed; compares what a platform took and charged\n' +
  'with what was booked. Exit code 1: a promise was broken.';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '1000' },
    seconds: { type: 'string' },
    seed: { type: 'string', default: '1' },
    replicas: { type: 'string', default: '2' },
    'fault-every': { type: 'string', default: '3800' },
    rest: { type: 'string', default: '600' },
    env: { type: 'string', multiple: true, default: [] },
    gentle: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const runs = wholeNumber('--runs', values.runs, [1, 20_000]);
const seconds = wholeNumber('--seconds', values.seconds ?? String(Math.ceil(runs * 0.6)), [1, 7_200]);
const options = {
  runs,
  seconds,
  seed: wholeNumber('--seed', values.seed, [0, 2 ** 31]),
  replicas: wholeNumber('--replicas', values.replicas, [1, 16]),
  faultEveryMs: wholeNumber('--fault-every', values['fault-every'], [0, 600_000]),
  restMs: wholeNumber('--rest', values.rest, [1, 7_200]) * 1_000,
  env: Object.fromEntries(
    values.env.map((item) => [item.slice(0, item.indexOf('=')), item.slice(item.indexOf('=') + 1)]),
  ),
  isGentle: values.gentle,
  say: (line: string) => process.stderr.write(`${line}\n`),
};
if (values.help) {
  process.stdout.write(`${usage}\n`);
} else {
  const report = await runTrial(options);
  const broken = brokenPromises(report);
  const { details, ...figures } = report;
  if (values.json) process.stdout.write(`${JSON.stringify({ ...figures, details, broken }, undefined, 2)}\n`);
  else {
    for (const [name, value] of Object.entries(figures))
      process.stdout.write(
        `${name.padEnd(26)} ${typeof value === 'object' ? JSON.stringify(value) : value}\n`,
      );
    for (const line of details) process.stdout.write(`  ${line}\n`);
    process.stdout.write(broken.length === 0 ? 'every promise was kept\n' : `broken: ${broken.join('; ')}\n`);
  }
  process.exitCode = broken.length === 0 ? 0 : 1;
}

function wholeNumber(name: string, text: string, [low, high]: readonly [number, number]): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= low && value <= high) return value;
  process.stderr.write(`${name}: a whole number from ${low} to ${high}\n${usage}\n`);
  process.exit(2);
}
