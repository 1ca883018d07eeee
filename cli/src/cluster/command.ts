import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ConfigError, type Env, parseRuntimeConfig, readAll, stopOnSignals } from '@inferry/runtime';
import { checkServices } from '../embedded.ts';
import { printJson } from '../print-json.ts';
import { type ClusterOptions, startCluster } from './start-cluster.ts';

const readyTimeoutMs = 60_000;
/** Longer than what each service gets. */
const stopGraceMs = 60_000;
const usage = 'npm run cluster -- [--replicas 2] [--auth none|keys|oauth] [--fixtures] [--json]';

/** `npm run cluster`: the whole system as processes, until Ctrl-C or SIGTERM. */
export async function cluster(args: readonly string[], env: Env): Promise<number | undefined> {
  const { replicas, auth, fixtures, json } = parse(args);
  const [{ port }] = await readAll([
    () => parseRuntimeConfig(env),
    () => checkServices(env, auth, env.PUBLIC_URL || 'http://127.0.0.1'),
  ]);
  const startedAt = performance.now();
  // The one document alone is on standard output then.
  const say = (line: string) => (json ? process.stderr : process.stdout).write(`${line}\n`);
  const starting = startCluster({
    replicas,
    auth,
    port,
    ...(fixtures ? withFixtures(env) : { env }),
    onLine: (prefix, line) => say(`[${prefix}] ${line}`),
  });
  stopOnSignals({
    log: { info: (_fields, message) => say(message), error: (_fields, message) => say(message) },
    graceMs: stopGraceMs,
    async stop() {
      const running = await starting;
      const codes = await running.stop();
      if (codes.some((code) => code !== 0)) throw new Error('a service did not stop in order');
    },
  });
  const running = await starting;
  try {
    await running.ready(readyTimeoutMs);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : 'not ready'}\n`);
    await running.stop();
    return 1;
  }
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
  if (json) printJson({ url: `${running.url}/mcp`, replicas, ready_in_seconds: Number(seconds) });
  else say(`\nInferry cluster is ready (${seconds} s): ${running.url}/mcp, ${replicas} of each service\n`);
  return undefined;
}

/** The conformance suite's service, and its tools in the gateway's list. */
export function withFixtures(env: Env): Pick<ClusterOptions, 'env' | 'extra'> {
  const find = (name: string) => fileURLToPath(import.meta.resolve(`@inferry/tests/${name}`));
  return {
    env: {
      ...env,
      INFERRY_EXTRA_TOOLS: find('fixtures/tools'),
      MCP_SURFACES: `${env.MCP_SURFACES ?? 'catalog,inference'},fixtures`,
    },
    extra: [{ name: 'fixtures', main: find('fixtures') }],
  };
}

interface Parsed {
  replicas: number;
  auth: 'none' | 'keys' | 'oauth';
  fixtures: boolean;
  json: boolean;
}

function parse(args: readonly string[]): Parsed {
  const { values } = parseArgs({
    args: [...args],
    options: {
      replicas: { type: 'string', default: '2' },
      auth: { type: 'string', default: 'none' },
      fixtures: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  });
  const replicas = Number(values.replicas);
  if (!Number.isInteger(replicas) || replicas < 1 || replicas > 16)
    throw new ConfigError([`--replicas: 1 to 16. ${usage}`]);
  if (values.auth !== 'none' && values.auth !== 'keys' && values.auth !== 'oauth')
    throw new ConfigError([`--auth: none, keys or oauth. ${usage}`]);
  return { replicas, auth: values.auth, fixtures: values.fixtures, json: values.json };
}
