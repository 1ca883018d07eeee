// The system of a trial: a cluster of real processes, every link of which, to a store or to the platform, can be broken.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createKey } from '@inferry/auth';
import { type Cluster, startCluster } from '@inferry/cli';
import { type Database, openDatabase } from '@inferry/database';
import { createTcpProxy, type TcpProxy } from '@inferry/testing';
import { acmeDescription, runflowSecret, startPlatform, type TrialPlatform, trialKeys } from './platform.ts';

const stores = ['NATS_URL', 'REDIS_URL', 'DATABASE_URL'] as const;

/** One way from a process to something that it needs. */
export interface Link {
  /** `inference-poller.0` */
  process: string;
  /** `nats`, `redis`, `database` or `platform`. */
  to: string;
  proxy: TcpProxy;
}

export interface TrialSystem {
  cluster: Cluster;
  platform: TrialPlatform;
  database: Database;
  links: readonly Link[];
  /** API keys, by subject. */
  keys: ReadonlyMap<string, string>;
  log: readonly string[];
  /** From its next start on, the clock of a process is off by so much. */
  shiftClock(process: string, byMs: number): Promise<void>;
  stop(): Promise<(number | null)[]>;
}

interface TrialSystemOptions {
  replicas: number;
  subjects: readonly string[];
  env: Readonly<Record<string, string>>;
}

const readyTimeoutMs = 120_000;
const maxLog = 20_000;

export async function startTrialSystem(options: TrialSystemOptions): Promise<TrialSystem> {
  const folder = await mkdtemp(join(tmpdir(), 'inferry-trial-'));
  const platform = await startPlatform();
  const acme = join(folder, 'acme.json');
  await writeFile(acme, JSON.stringify(acmeDescription()));
  const links: Link[] = [];
  const log: string[] = [];
  const clockFile = (process: string) => join(folder, `clock.${process}`);
  const cluster = await startCluster({
    ...{ replicas: options.replicas, port: 0, auth: 'keys' },
    env: {
      PATH: process.env.PATH,
      ...trialKeys,
      RUNFLOW_CALLBACK_SECRETS: runflowSecret,
      PROVIDER_FILES: acme,
      WEBHOOKS_IN: 'on',
      LOG_LEVEL: 'warn',
      RATE_LIMIT_CREDENTIAL: '1000000',
      RATE_LIMIT_IP_POST_AUTH: '1000000',
      ...options.env,
    },
    async adapt(env, { service, index }) {
      const name = `${service}.${index}`;
      const own: NodeJS.ProcessEnv = { ...env, TRIAL_CLOCK_FILE: clockFile(name) };
      own.NODE_OPTIONS = `--import=${pathToFileURL(join(import.meta.dirname, 'clock-shift.ts')).href}`;
      for (const variable of stores) {
        const url = env[variable];
        if (url === undefined || url === '') continue;
        const proxy = await createTcpProxy({ port: Number(new URL(url).port) });
        own[variable] = withPort(url, proxy.port);
        // The servers of tests confirm commits before they are written down, as no server should that counts money.
        if (variable === 'DATABASE_URL')
          own[variable] = `${own[variable]}?options=-c%20synchronous_commit%3Don`;
        links.push({ process: name, to: variable.slice(0, -4).toLowerCase(), proxy });
      }
      const proxy = await createTcpProxy({ port: platform.port });
      links.push({ process: name, to: 'platform', proxy });
      return { ...own, ...platformBases(`http://127.0.0.1:${proxy.port}/${name}`) };
    },
    onLine(prefix, line) {
      log.push(`${new Date().toISOString()} [${prefix}] ${line}`);
      if (log.length > maxLog) log.shift();
    },
  });
  const close = async () => {
    const codes = await cluster.stop();
    await platform.close();
    await Promise.all(links.map(({ proxy }) => proxy.close()));
    await rm(folder, { recursive: true, force: true });
    return codes;
  };
  try {
    await cluster.ready(readyTimeoutMs);
  } catch (error) {
    await close();
    process.stderr.write(`${log.slice(-40).join('\n')}\n`);
    throw error;
  }
  const database = openDatabase({ url: cluster.servers.postgres?.url ?? '' });
  const keys = new Map<string, string>();
  for (const subject of options.subjects) {
    const { key } = await createKey(database, { name: subject, subject, scopes: ['mcp'] });
    keys.set(subject, key.reveal());
  }
  return {
    ...{ cluster, platform, database, links, keys, log },
    shiftClock: (name, byMs) => writeFile(clockFile(name), String(byMs)),
    async stop() {
      await database.close();
      return close();
    },
  };
}

function withPort(url: string, port: number): string {
  const changed = new URL(url);
  changed.port = String(port);
  return changed.href;
}

function platformBases(root: string): Record<string, string> {
  return {
    RUNFLOW_BASE_URL: `${root}/runflow`,
    RUNWARE_BASE_URL: `${root}/runware`,
    RUNWARE_CONTENT_URL: `${root}/runware.content`,
    RUNWARE_SCHEMAS_URL: `${root}/runware.schemas`,
    REPLICATE_BASE_URL: `${root}/replicate`,
    ACME_BASE_URL: `${root}/acme`,
  };
}
