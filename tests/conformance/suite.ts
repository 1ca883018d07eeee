import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expectedFailures } from './expected-failures.ts';
import type { SuiteRun } from './runs.ts';

interface Check {
  id: string;
  status: 'SUCCESS' | 'FAILURE' | 'WARNING' | 'SKIPPED' | 'INFO';
  errorMessage?: string;
}

export interface ScenarioReport {
  scenario: string;
  passed: number;
  failed: Check[];
  warned: Check[];
}

export interface RunReport {
  title: string;
  /** How many there should be. */
  expected: number;
  scenarios: ScenarioReport[];
}

const suite = fileURLToPath(
  new URL('../../node_modules/@modelcontextprotocol/conformance/dist/index.js', import.meta.url),
);
const timeoutMs = 300_000;

/** Runs one part of the suite and reads what it wrote about each scenario. */
export async function runSuite(
  run: SuiteRun,
  { url, folder }: { url: string; folder: string },
): Promise<RunReport> {
  const output = join(folder, run.title.replaceAll(/\W+/g, '-'));
  await mkdir(output, { recursive: true });
  const child = spawn(process.execPath, [suite, 'server', '--url', url, '-o', output, ...run.args], {
    stdio: 'ignore',
    signal: AbortSignal.timeout(timeoutMs),
  });
  await once(child, 'exit');
  const names = await readdir(output);
  const scenarios = await Promise.all(names.sort().map((name) => readScenario(output, name)));
  return { title: run.title, expected: run.scenarios, scenarios };
}

/** A folder is called `server-<scenario>-<time>`. */
async function readScenario(output: string, name: string): Promise<ScenarioReport> {
  // as: the suite's own format.
  const checks = JSON.parse(await readFile(join(output, name, 'checks.json'), 'utf8')) as Check[];
  const having = (status: Check['status']) => checks.filter((check) => check.status === status);
  return {
    scenario: name.replace(/^server-/, '').replace(/-\d{4}-\d{2}-\d{2}T.*$/, ''),
    passed: having('SUCCESS').length,
    failed: having('FAILURE'),
    warned: having('WARNING'),
  };
}

/** Prints a table; true when what failed is exactly what was expected to. */
export function printReport(reports: readonly RunReport[], { isWhole }: { isWhole: boolean }): boolean {
  const expected = new Set(expectedFailures);
  const failing = new Set<string>();
  let isComplete = reports.length > 0;
  for (const { title, expected: count, scenarios } of reports) {
    isComplete &&= scenarios.length === count;
    const good = scenarios.filter(({ failed, passed }) => failed.length === 0 && passed > 0).length;
    const idle = scenarios.filter(isIdle).length;
    const checks = scenarios.reduce((sum, { passed }) => sum + passed, 0);
    console.log(
      `\n== ${title}: ${good} of ${count} scenarios and ${checks} checks passed, ${idle} checked nothing`,
    );
    for (const report of scenarios) {
      if (report.failed.length > 0) failing.add(`${title}: ${report.scenario}`);
      printScenario(report);
    }
  }
  const surprises = [...failing].filter((name) => !expected.has(name));
  const stale = isWhole ? [...expected].filter((name) => !failing.has(name)) : [];
  for (const name of surprises) console.log(`FAILED ${name}`);
  for (const name of stale) console.log(`STALE ${name} passes: take it off the list of expected failures`);
  return isComplete && surprises.length === 0 && stale.length === 0;
}

/** The suite found nothing to check: what it looks for is optional and not here, or is not written yet. */
function isIdle({ passed, failed }: ScenarioReport): boolean {
  return passed === 0 && failed.length === 0;
}

function printScenario(report: ScenarioReport): void {
  const { scenario, passed, failed, warned } = report;
  const mark = isIdle(report) ? 'idle' : failed.length > 0 ? 'FAIL' : 'pass';
  const warnings = warned.length === 0 ? '' : `, ${warned.length} warned`;
  console.log(`${mark}  ${scenario}: ${passed} passed, ${failed.length} failed${warnings}`);
  for (const { id, errorMessage } of [...failed, ...warned]) {
    console.log(`        ${id}: ${(errorMessage ?? '').slice(0, 300)}`);
  }
}
