// Types, lint, unit tests and, on real NATS, Redis and Postgres, integration tests. The last line counts the tests.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { adapters } from '@inferry/providers';
import { agentClients } from '../tests/agents/clients.ts';
import { findEngine, imagesMissing, runContainerTests } from './containers.ts';
import { failedStaticChecks, root, run } from './rings.ts';

interface Report {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  success: boolean;
  testResults: { name: string; message: string; assertionResults: { status: string; fullName: string }[] }[];
}

// Clients that are too heavy for every clone: their tests come last, and one that is not there by then fails.
const clients = process.argv.length > 2 ? undefined : installClients();
const folder = mkdtempSync(join(tmpdir(), 'inferry-test-'));
const totals = { passed: 0, failed: 0, skipped: 0 };
/** Said again at the end: a log this long is read from there. */
const failures = failedStaticChecks().map((name) => `${name} failed`);

for (const project of ['unit', 'integration']) {
  console.log(`\n== ${project} tests`);
  const output = join(folder, `${project}.json`);
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${output}`];
  const ended = run('vitest', ['run', '--project', project, ...reporters, ...process.argv.slice(2)]);
  const found = count(output);
  failures.push(...found.map((failure) => `${project}: ${failure}`));
  if (!ended && found.length === 0) failures.push(`${project}: an error outside of the tests`);
}
containers();
clients?.kill();
rmSync(folder, { recursive: true, force: true });
// Named, and counted as nothing: these calls cost money and need keys.
const platforms = adapters.filter(({ presetOf }) => presetOf === undefined).map(({ slug }) => slug);
console.log(`\nskipped: calls to ${platforms.join(', ')} themselves (npm run test:live)`);
// A run that tested nothing, or that left something out, is not a pass.
if (totals.passed === 0) failures.push('no test ran');
if (totals.skipped > 0) failures.push(`${totals.skipped} tests were left out`);
const isGreen = failures.length === 0;
if (!isGreen) console.log(`\nfailed:\n${failures.map((failure) => `  ${failure}`).join('\n')}`);
if (!isGreen && totals.failed === 0) totals.failed = 1;
console.log(`\n${totals.passed} passed, ${totals.failed} failed`);
process.exit(isGreen ? 0 : 1);

/** Beside everything else, with what is left of the machine. */
function installClients(): ChildProcess {
  const program = join(root, 'tests', 'agents', 'installed.ts');
  return spawn(process.execPath, [program, ...Object.keys(agentClients)], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

/** The built images, shortly, where an engine has those of this very commit; elsewhere it is said, and counts as nothing. */
function containers(): void {
  const engine = process.argv.length > 2 ? undefined : findEngine();
  const missing = engine === undefined ? 'no engine answers' : imagesMissing(engine);
  if (engine === undefined || missing !== undefined) {
    console.log(`\nNOT RUN: the built images in containers (${missing}; npm run test:containers)`);
    return;
  }
  console.log('\n== containers');
  const output = join(folder, 'containers.json');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${output}`];
  const ended = runContainerTests(engine, { CONTAINERS_SHORT: '1' }, reporters);
  const found = count(output);
  failures.push(...found.map((failure) => `containers: ${failure}`));
  if (!ended && found.length === 0) failures.push('containers: an error outside of the tests');
}

/** Adds up the tests of a report; what failed in it. */
function count(output: string): string[] {
  try {
    // as: the shape of Vitest's JSON reporter.
    const report = JSON.parse(readFileSync(output, 'utf8')) as Report;
    totals.passed += report.numPassedTests;
    totals.failed += report.numFailedTests;
    totals.skipped += report.numPendingTests + report.numTodoTests;
    return report.testResults.flatMap(({ name, message, assertionResults }) => {
      const failed = assertionResults.filter(({ status }) => status === 'failed');
      const file = relative(process.cwd(), name);
      if (failed.length === 0 && message !== '') return [`${file}: ${message.split('\n')[0]}`];
      return failed.map(({ fullName }) => `${file}: ${fullName}`);
    });
  } catch {
    return ['no report: it broke off'];
  }
}
