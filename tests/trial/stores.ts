// npm run trial:stores -- pgbouncer|failover|nats|rights|restart|redis|blobs [--runs 100] [--seconds 30] [--json]
/** A cluster under load while a store behind it is pooled, fails over, is killed or loses its files. */
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type Cluster, startCluster } from '@inferry/cli';
import { openDatabase } from '@inferry/database';
import {
  createTcpProxy,
  freePort,
  type LocalServer,
  startNats,
  startPgBouncer,
  startPostgres,
} from '@inferry/testing';
import { startScriptedUpstream } from '@inferry/testing/scripted-upstream';
import { CompiledQuery } from 'kysely';
import { callTool, errorOf, runOf } from '../integration/support/mcp-http.ts';
import { type LoadFigures, SteadyLoad } from './steady-load.ts';

interface Scenario {
  /** What the services find in their environment in place of own servers. */
  env: Record<string, string>;
  /** In the midst of the load; figures of its own. */
  happens(cluster: Cluster): Promise<Record<string, unknown>>;
  stop(): Promise<void>;
}

const holdMs = 5_000;
const scenarios: Readonly<Record<string, () => Promise<Scenario>>> = {
  pgbouncer,
  failover,
  nats,
  rights,
  restart,
  redis,
  blobs,
};

async function pgbouncer(): Promise<Scenario> {
  const postgres = await startPostgres();
  const bouncer = await startPgBouncer(postgres, { connections: 10 });
  const direct = openDatabase({ url: postgres.url, maxConnections: 1 });
  const count = "select count(*)::int as n from pg_stat_activity where backend_type = 'client backend'";
  return {
    env: { DATABASE_URL: bouncer.url },
    async happens() {
      await sleep(holdMs);
      const { rows } = await direct.queries.executeQuery<{ n: number }>(CompiledQuery.raw(count));
      // One of them asks.
      return { connections_of_postgres: Number(rows[0]?.n) - 1 };
    },
    async stop() {
      await direct.close();
      await bouncer.stop();
      await postgres.stop();
    },
  };
}

async function failover(): Promise<Scenario> {
  const settings = ['synchronous_commit=on', 'synchronous_standby_names=*'];
  const primary = await startPostgres({ settings });
  const standby = await startPostgres({ standbyOf: primary });
  const address = { port: primary.port };
  const front = await createTcpProxy(address);
  return {
    env: { DATABASE_URL: primary.url.replace(String(primary.port), String(front.port)) },
    async happens() {
      const killedAt = performance.now();
      await primary.kill();
      // Whoever watches a database takes some seconds to believe that it is gone.
      await sleep(holdMs);
      address.port = standby.port;
      front.reset();
      const operator = openDatabase({ url: standby.url, maxConnections: 1 });
      await operator.queries.executeQuery(CompiledQuery.raw('select pg_promote()'));
      await operator.close();
      return { promoted_after_ms: Math.round(performance.now() - killedAt) };
    },
    async stop() {
      await front.close();
      await standby.stop();
      await primary.stop();
    },
  };
}

async function nats(): Promise<Scenario> {
  const ports = [await freePort(), await freePort(), await freePort()];
  const routes = ports.map((port) => `"nats-route://127.0.0.1:${port}"`).join(', ');
  const servers: LocalServer[] = [];
  for (const [place, port] of ports.entries()) {
    const cluster = `cluster: { name: trial, listen: "127.0.0.1:${port}", routes: [${routes}] }`;
    servers.push(await startNats({ config: `server_name: nats-${place}\n${cluster}\n` }));
  }
  return {
    env: { NATS_URL: servers.map(({ url }) => url).join(',') },
    async happens() {
      for (const server of servers) {
        await server.kill();
        await sleep(holdMs);
        await server.restart();
        await sleep(holdMs / 2);
      }
      return { killed: servers.length };
    },
    async stop() {
      await Promise.all(servers.map((server) => server.stop()));
    },
  };
}

/** What each service may do changes while all of them use it: the server reads its users again. */
async function rights(): Promise<Scenario> {
  return {
    env: {},
    async happens({ servers }) {
      const file = join(servers.nats?.data ?? '', 'nats.conf');
      const users = await readFile(file, 'utf8');
      for (let round = 0; round < 4; round += 1) {
        const further =
          round % 2 === 0 ? users.replaceAll('allow: [', 'allow: [ "events.v1.trial.further"') : users;
        await writeFile(file, further);
        process.kill(servers.nats?.pid ?? 0, 'SIGHUP');
        await sleep(holdMs / 2);
      }
      return { reloads: 4 };
    },
    stop: async () => undefined,
  };
}

/** The only server is gone for as long as one that is started again. */
async function restart(): Promise<Scenario> {
  return {
    env: {},
    async happens({ servers }) {
      const awayMs: number[] = [];
      for (let round = 0; round < 2; round += 1) {
        const since = performance.now();
        await servers.nats?.kill();
        await sleep(1_000);
        await servers.nats?.restart();
        awayMs.push(Math.round(performance.now() - since));
        await sleep(holdMs);
      }
      return { away_ms: awayMs };
    },
    stop: async () => undefined,
  };
}

async function redis(): Promise<Scenario> {
  return {
    env: {},
    async happens({ servers }) {
      await servers.redis?.kill();
      await sleep(holdMs);
      await servers.redis?.restart();
      return { away_ms: holdMs };
    },
    stop: async () => undefined,
  };
}

async function blobs(): Promise<Scenario> {
  const folder = await mkdtemp(join(tmpdir(), 'inferry-blobs-'));
  const kept = join(folder, 'blobs');
  const speak = (cluster: Cluster, ref: string) =>
    callTool(cluster.url, {
      tool: 'run_model',
      args: {
        ...{ model: 'local/speech', input: { text: 'Hello.' } },
        ...{ client_ref: ref, wait_seconds: 20 },
      },
      timeoutMs: 120_000,
    });
  return {
    env: { BLOBS_FOLDER: kept },
    async happens(cluster) {
      const before = runOf(await speak(cluster, 'before'))?.status;
      // A file where the folder was: nothing can be read or written.
      await rename(kept, `${kept}.away`);
      await writeFile(kept, '');
      const lost = await speak(cluster, 'meanwhile');
      const meanwhile = runOf(lost)?.status ?? errorOf(lost)?.code;
      await rm(kept);
      await rename(`${kept}.away`, kept);
      let after = runOf(await speak(cluster, 'meanwhile'))?.status;
      for (let tries = 0; tries < 10 && after === 'running'; tries += 1)
        after = runOf(await speak(cluster, 'meanwhile'))?.status;
      return { run_before: before, run_meanwhile: meanwhile, the_same_run_after: after };
    },
    stop: () => rm(folder, { recursive: true, force: true }),
  };
}

async function run(name: string, { runs, seconds }: { runs: number; seconds: number }): Promise<Figures> {
  const scenario = await scenarios[name]?.();
  if (scenario === undefined) throw new Error(`There is no ${name}: ${Object.keys(scenarios).join(', ')}`);
  const upstream = await startScriptedUpstream();
  const cluster = await startCluster({
    ...{ replicas: 2, port: 0, auth: 'none' },
    env: {
      PATH: process.env.PATH,
      INFERRY_EXTRA_PROVIDERS: '@inferry/testing/scripted-provider',
      SCRIPTED_UPSTREAM_URL: upstream.url,
      ...{ LOG_LEVEL: 'warn', RATE_LIMIT_CREDENTIAL: '1000000', RATE_LIMIT_IP_POST_AUTH: '1000000' },
      ...scenario.env,
    },
    onLine: (prefix, line) => void (process.env.TRIAL_LOG && console.error(prefix, line)),
  });
  try {
    await cluster.ready(120_000);
    const load = new SteadyLoad({ url: cluster.url, upstream, everyMs: 100 });
    load.start();
    load.openRuns(runs, { durationMs: seconds * 1_000 });
    while (load.underWay() < runs) await sleep(200);
    const own = await scenario.happens(cluster);
    return { trial: name, ...own, ...(await load.end()) };
  } finally {
    await cluster.stop();
    await upstream.close();
    await scenario.stop();
  }
}

type Figures = { trial: string } & LoadFigures & Record<string, unknown>;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: 'string', default: '100' },
    seconds: { type: 'string', default: '30' },
    json: { type: 'boolean', default: false },
  },
});
const names = positionals.length === 0 ? Object.keys(scenarios) : positionals;
for (const name of names) {
  const figures = await run(name, { runs: Number(values.runs), seconds: Number(values.seconds) });
  if (values.json) console.log(JSON.stringify(figures));
  else for (const [key, value] of Object.entries(figures)) console.log(key.padEnd(26), JSON.stringify(value));
  if (figures.lost > 0 || figures.sent_twice > 0) process.exitCode = 1;
}
