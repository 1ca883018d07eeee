// Every test: unit tests and, on real NATS, Redis and Postgres, integration tests. The last line counts them.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

interface Report {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  success: boolean;
}

const root = join(import.meta.dirname, '..');
const folder = mkdtempSync(join(tmpdir(), 'inferry-test-'));
const totals = { passed: 0, failed: 0, skipped: 0 };
let isGreen = true;

for (const project of ['unit', 'integration']) {
  console.log(`\n== ${project} tests`);
  const output = join(folder, `${project}.json`);
  const parameters = [
    'run',
    '--project',
    project,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${output}`,
  ];
  const { status } = spawnSync(
    join(root, 'node_modules', '.bin', 'vitest'),
    [...parameters, ...process.argv.slice(2)],
    {
      cwd: root,
      stdio: 'inherit',
      shell: process.platform === 'win32',
    },
  );
  isGreen &&= status === 0 && count(output);
}
rmSync(folder, { recursive: true, force: true });
// A run that tested nothing, or that left something out, is not a pass.
isGreen &&= totals.passed > 0 && totals.skipped === 0;
if (!isGreen && totals.failed === 0) totals.failed = 1;
console.log(
  `\n${totals.passed} passed, ${totals.failed} failed${totals.skipped === 0 ? '' : `, ${totals.skipped} skipped`}`,
);
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
