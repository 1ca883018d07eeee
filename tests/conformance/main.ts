// The official MCP conformance suite against two replicas of everything behind a strict round robin.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startCluster, withFixtures } from '@inferry/cli';
import { runs } from './runs.ts';
import { printReport, type RunReport, runSuite } from './suite.ts';
import { startKeyAdder } from './with-key.ts';

const { values } = parseArgs({
  options: {
    /** A scenario instead of all runs. */
    scenario: { type: 'string' },
    /** The protocol version of that scenario. */
    version: { type: 'string', default: '2026-07-28' },
    /** A system that runs already. */
    url: { type: 'string' },
    /** `keys`: through a proxy that adds an API key to what the suite sends. */
    auth: { type: 'string', default: 'none' },
    /** Show what the services log. */
    logs: { type: 'boolean', default: false },
  },
});

const folder = await mkdtemp(join(tmpdir(), 'inferry-conformance-'));
const keyAdder = values.auth === 'keys' ? await startKeyAdder() : undefined;
const cluster = values.url === undefined ? await startFixtures() : undefined;
const reports: RunReport[] = [];
try {
  const port = keyAdder?.port ?? new URL(cluster?.url ?? 'http://localhost').port;
  const url = values.url ?? `http://localhost:${port}/mcp`;
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
  keyAdder?.close();
  await cluster?.stop();
  await rm(folder, { recursive: true, force: true });
}
process.exitCode = printReport(reports, { isWhole: values.scenario === undefined }) ? 0 : 1;

async function startFixtures(): Promise<Awaited<ReturnType<typeof startCluster>>> {
  const env = {
    ...process.env,
    RATE_LIMIT_CREDENTIAL: '1000000',
    LOG_LEVEL: 'warn',
    // A scenario looks at streams that a server ends in the middle of a call (SEP-1699).
    MAX_STREAM_SECONDS: '2',
  };
  const hosts = keyAdder === undefined ? {} : { MCP_ALLOWED_HOSTS: `localhost:${keyAdder.port}` };
  const started = await startCluster({
    replicas: 2,
    port: 0,
    auth: keyAdder === undefined ? 'none' : 'keys',
    ...withFixtures({ ...env, ...hosts }),
    onLine: (prefix, line) => (values.logs ? console.error(`[${prefix}] ${line}`) : undefined),
  });
  await started.ready(90_000);
  await keyAdder?.serve(started);
  return started;
}
