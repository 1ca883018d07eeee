import { parseArgs } from 'node:util';
import { ConfigError, type Env, parseRuntimeConfig } from '@inferry/runtime';
import { startCluster } from './start-cluster.ts';

const usage = 'npm run cluster -- [--replicas 2] [--auth none|keys]';

/** `npm run cluster`: the whole system as processes, until Ctrl-C or SIGTERM. */
export async function cluster(args: readonly string[], env: Env): Promise<number> {
  const { replicas, auth } = parse(args);
  const { port } = parseRuntimeConfig(env);
  const startedAt = performance.now();
  const stopped = nextSignal();
  const running = await startCluster({
    replicas,
    auth,
    port,
    env,
    onLine: (prefix, line) => process.stdout.write(`[${prefix}] ${line}\n`),
  });
  const ready = running.ready(60_000).then(() => {
    const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
    process.stdout.write(
      `\nInferry cluster is ready (${seconds} s): ${running.url}/mcp, ${replicas} of each service\n\n`,
    );
  });
  const failed = await Promise.race([
    stopped.then(() => undefined),
    ready.then(() => stopped).catch((error: Error) => error),
  ]);
  if (failed instanceof Error) process.stderr.write(`${failed.message}\n`);
  const codes = await running.stop();
  return failed instanceof Error || codes.some((code) => code !== 0) ? 1 : 0;
}

function parse(args: readonly string[]): { replicas: number; auth: 'none' | 'keys' } {
  const { values } = parseArgs({
    args: [...args],
    options: { replicas: { type: 'string', default: '2' }, auth: { type: 'string', default: 'none' } },
  });
  const replicas = Number(values.replicas);
  if (!Number.isInteger(replicas) || replicas < 1 || replicas > 16)
    throw new ConfigError([`--replicas: 1 to 16. ${usage}`]);
  if (values.auth !== 'none' && values.auth !== 'keys')
    throw new ConfigError([`--auth: none or keys. ${usage}`]);
  return { replicas, auth: values.auth };
}

function nextSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve());
  });
}
