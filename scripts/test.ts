// Types, lint, unit tests and, on real NATS, Redis and Postgres, integration tests. The last line counts the tests.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { adapters } from '@inferry/providers';
import { failedStaticChecks, run } from './rings.ts';

interface Report {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  success: boolean;
}

const folder = mkdtempSync(join(tmpdir(), 'inferry-test-'));
const totals = { passed: 0, failed: 0, skipped: 0 };
let isGreen = failedStaticChecks().length === 0;

for (const project of ['unit', 'integration']) {
  console.log(`\n== ${project} tests`);
  const output = join(folder, `${project}.json`);
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${output}`];
  const ended = run('vitest', ['run', '--project', project, ...reporters, ...process.argv.slice(2)]);
  isGreen = count(output) && ended && isGreen;
}
rmSync(folder, { recursive: true, force: true });
// Named, and counted as nothing: these calls cost money and need keys.
const platforms = adapters.filter(({ presetOf }) => presetOf === undefined).map(({ slug }) => slug);
console.log(`\nskipped: calls to ${platforms.join(', ')} themselves (npm run test:live)`);
// A run that tested nothing, or that left something out, is not a pass.
isGreen &&= totals.passed > 0 && totals.skipped === 0;
if (!isGreen && totals.failed === 0) totals.failed = 1;
console.log(`\n${totals.passed} passed, ${totals.failed} failed`);
process.exit(isGreen ? 0 : 1);

function count(output: string): boolean {
  try {
    // as: the shape of Vitest's JSON reporter.
    const report = JSON.parse(readFileSync(output, 'utf8')) as Report;
    totals.passed += report.numPassedTests;
    totals.failed += report.numFailedTests;
    totals.skipped += report.numPendingTests + report.numTodoTests;
    return report.success;
  } catch {
    // No report: the run broke off before it could write one.
    return false;
  }
}
