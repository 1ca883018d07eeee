import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { listProviders, localPrincipal, type ProviderState } from '@inferry/contracts';
import { type Env, readAll, speaking, stopOnSignals } from '@inferry/runtime';
import { startTelemetry } from '@inferry/runtime/telemetry';
import { formatBanner, isRead } from '../banner.ts';
import { authOf, parseStartConfig, portFrom, type StartConfig } from '../config.ts';
import { checkServices, type EmbeddedSystem, startEmbedded } from '../embedded.ts';
import { startEmulatedPlatforms } from '../emulated-platforms.ts';

const listTimeoutMs = 3_000;
/** Lists of an earlier start are there: what changed in them is waited for no longer than nobody notices. */
const rereadTimeoutMs = 1_000;

/**
 * `npm start`: the embedded system until it is stopped. With `--emulators` every platform is an emulated one on
 * loopback, so that all providers can be tried without a key and without paying.
 */
export async function start(args: readonly string[], given: Env): Promise<number | undefined> {
  const { values } = parseArgs({
    args: [...args],
    options: { emulators: { type: 'boolean', default: false } },
  });
  const emulated = values.emulators ? await startEmulatedPlatforms(given) : undefined;
  const env = emulated?.env ?? given;
  const port = await portFrom(env);
  const [config] = await readAll([
    () => parseStartConfig({ LOG_LEVEL: 'warn', ...env, PORT: port }),
    () => checkServices(env, authOf(env), env.PUBLIC_URL || 'http://127.0.0.1'),
  ]);
  const telemetry = await startTelemetry('embedded', env);
  const system = await startOrExplain(config, env);
  if (system === undefined) {
    await emulated?.close();
    return 1;
  }
  const providers = await firstProviders(system);
  speaking(process.stdout, env).write(
    formatBanner({
      mcpUrl: `${config.baseUrl}/mcp`,
      home: config.home,
      auth: config.auth,
      providers,
      startedInMs: performance.now(),
      since: performance.timeOrigin,
    }),
  );
  stopOnSignals({
    log: system.parts.log,
    graceMs: config.shutdownGraceMs,
    lingerMs: () => system.lingerMs,
    async stop(graceMs) {
      await system.close(graceMs);
      await emulated?.close();
      await telemetry.shutdown();
    },
  });
  return undefined;
}

/** The providers once their models are listed, or as they are when that takes longer than a person would wait. */
async function firstProviders(system: EmbeddedSystem): Promise<ProviderState[]> {
  const deadline = performance.now() + listTimeoutMs;
  const rereadDeadline = performance.now() + rereadTimeoutMs;
  for (;;) {
    const { providers } = await system.parts.bus.call(listProviders, {}, { principal: localPrincipal });
    const isComplete = providers.every((provider) => isRead(provider, performance.timeOrigin));
    const isThere = providers.every(({ models }) => models > 0);
    const now = performance.now();
    if (isComplete || now > deadline || (isThere && now > rereadDeadline)) return providers;
    await sleep(20);
  }
}

async function startOrExplain(config: StartConfig, env: Env): Promise<EmbeddedSystem | undefined> {
  try {
    return await startEmbedded(config, env);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code !== 'EADDRINUSE' && code !== 'EACCES') throw error;
    const why = code === 'EACCES' ? 'may not be opened by you' : 'is taken by another program';
    speaking(process.stderr, env).write(`Port ${config.port} ${why}. Choose another: PORT=8181 npm start\n`);
    return undefined;
  }
}
