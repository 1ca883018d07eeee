// The official MCP conformance suite against two replicas of everything behind a strict round robin.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startCluster, withFixtures } from '@inferry/cli';
import { runs } from './runs.ts';
import { printReport, type RunReport, runSuite } from './suite.ts';

const { values } = parseArgs({
  options: {
    /** A scenario instead of all runs. */
    scenario: { type: 'string' },
    /** The protocol version of that scenario. */
    version: { type: 'string', default: '2026-07-28' },
    /** A system that runs already. */
    url: { type: 'string' },
    /** Show what the services log. */
    logs: { type: 'boolean', default: false },
  },
});

const folder = await mkdtemp(join(tmpdir(), 'inferry-conformance-'));
const cluster = values.url === undefined ? await startFixtures(values.logs) : undefined;
const reports: RunReport[] = [];
try {
  const url = values.url ?? `${cluster?.url.replace('127.0.0.1', 'localhost')}/mcp`;
  const chosen =
    values.scenario === undefined
      ? runs
      : [
          {
            title: values.scenario,
            args: ['--scenario', values.scenario, '--spec-version', values.version, '--force'],
            scenarios: 1,
          },
        ];
  for (const run of chosen) reports.push(await runSuite(run, { url, folder }));
} finally {
  await cluster?.stop();
  await rm(folder, { recursive: true, force: true });
}
process.exitCode = printReport(reports, { isWhole: values.scenario === undefined }) ? 0 : 1;

async function startFixtures(showLogs: boolean): Promise<Awaited<ReturnType<typeof startCluster>>> {
  const started = await startCluster({
    replicas: 2,
    port: 0,
    auth: 'none',
    ...withFixtures({ ...process.env, RATE_LIMIT_CREDENTIAL: '1000000', LOG_LEVEL: 'warn' }),
    onLine: (prefix, line) => (showLogs ? console.error(`[${prefix}] ${line}`) : undefined),
  });
  await started.ready(90_000);
  return started;
}
