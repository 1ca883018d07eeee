/** The life of a service process: configuration, stores, the service, health, and an orderly stop at any moment of it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ConfigError, readAll } from '@inferry/contracts';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { type Env, parseRuntimeConfig, type RuntimeConfig } from './config.ts';
import { createHttpApp } from './http-app.ts';
import { createLogger } from './logger.ts';
import { newReplicaName, openParts, requireStores, type ServiceNeeds } from './open-parts.ts';
import { readSecrets, type ServiceSecrets, withSecretFiles } from './secrets.ts';
import type { Parts, Service } from './service.ts';
import { stopOnSignals } from './shutdown.ts';
import { startHealth } from './start-health.ts';
import { isOtlpAsked, startTelemetry } from './telemetry/start-telemetry.ts';

/** What a service is made of before anything is connected. Parts are read on demand: the faults of each are told beside the others'. */
export interface ConfigureContext {
  env: Env;
  log: Logger;
  runtime(): Pick<RuntimeConfig, 'publicUrl' | 'uploadInternalUrl' | 'extraProviders'>;
  secrets(): Pick<ServiceSecrets, 'of'>;
}

export interface CreateContext<S> {
  env: Env;
  publicUrl: string | undefined;
  secrets: Pick<ServiceSecrets, 'of'>;
  /** What `configure` returned. */
  settings: S;
  /** Acts at SIGHUP until the returned function is called; absent where the process is not the service's own. */
  onHangUp?(act: () => void): () => void;
}

/**
 * A service as whoever composes a deployment sees it: a process of its own, or one of all in one process. `Shared` is what
 * services of one process have in common and else open for themselves.
 */
export interface ServiceDefinition<S, Shared = undefined> {
  name: string;
  needs: ServiceNeeds;
  /** Reads the service's own variables; each entry that throws a `ConfigError` adds its problems to the others'. */
  configure(context: ConfigureContext, shared?: Shared): Promise<S> | S;
  create(parts: Parts, context: CreateContext<S>): Promise<Service> | Service;
}

/**
 * A whole service process, with `/healthz` and `/readyz` on `PORT` from its first moment. Problems of the configuration
 * are printed together and end it with code 2; a store that is away is waited for.
 */
export async function runService<S, Shared>(
  definition: ServiceDefinition<S, Shared>,
  env: Env,
): Promise<void> {
  const replica = newReplicaName(definition.name);
  const log = createLogger({
    service: definition.name,
    replica,
    level: levelOf(env),
    isForwarded: isOtlpAsked(env),
  });
  try {
    await start(definition, { env, log, replica });
  } catch (error) {
    if (error instanceof ConfigError)
      log.fatal({ problems: error.problems }, 'the configuration is not valid');
    else if (!isStopped(error)) log.fatal({ err: error }, 'the start failed');
    if (!isStopped(error)) process.exit(error instanceof ConfigError ? 2 : 1);
  }
}

const stopReason = new Error('stopped while starting');

function isStopped(error: unknown): boolean {
  return error === stopReason || (error instanceof Error && error.cause === stopReason);
}

async function start<S, Shared>(
  { name, needs, configure, create }: ServiceDefinition<S, Shared>,
  { env: given, log, replica }: { env: Env; log: Logger; replica: string },
): Promise<void> {
  const env = withSecretFiles(given);
  const [config, secrets, settings] = await readAll([
    () => {
      const parsed = parseRuntimeConfig(env);
      requireStores(parsed, needs);
      return parsed;
    },
    () => readSecrets(name, env),
    () =>
      configure({
        ...{ env, log },
        runtime: () => parseRuntimeConfig(env),
        secrets: () => readSecrets(name, env),
      }),
  ]);
  const telemetry = await startTelemetry(name, env);
  const stopping = new AbortController();
  let stop = async (_graceMs: number): Promise<void> => stopping.abort(stopReason);
  let lingerMs = 0;
  stopOnSignals({
    ...{ log, graceMs: config.shutdownGraceMs },
    lingerMs: () => lingerMs,
    stop: (graceMs) => stop(graceMs),
  });
  const problems: Record<string, string> = { service: 'starting' };
  const health = await startHealth(config, problems);
  // Whoever started this process over a channel learns the ports, whatever the log level.
  process.send?.({ port: health.port, metricsPort: telemetry.metricsPort });
  const opened = await openParts({
    ...{ name, config, secrets, needs, log, replica, problems },
    signal: stopping.signal,
  });
  const { publicUrl } = config;
  const service = await create(opened.parts, { env, publicUrl, secrets, settings, onHangUp });
  lingerMs = service.lingerMs ?? 0;
  const app = await createHttpApp([service], { publicUrl });
  await untilReady(service, problems, stopping.signal);
  await health.handOver(app);
  log.info({ host: config.host, port: health.port }, 'listening');
  stop = async (graceMs) => {
    // First no new work, then the work in hand, then the sockets, then the connections below them.
    await Promise.all([service.drain(graceMs), opened.parts.bus.drain(graceMs)]);
    await app.close();
    await service.close();
    await opened.close();
    await telemetry.shutdown();
  };
  if (stopping.signal.aborted) await stop(config.shutdownGraceMs);
}

function onHangUp(act: () => void): () => void {
  process.on('SIGHUP', act);
  return () => process.off('SIGHUP', act);
}

const readyPatienceMs = 5_000;
const readyEveryMs = 25;

/**
 * A replica that is about to know what it needs, such as which grants are revoked, would refuse calls that another one takes: they wait
 * with those that came while it started. What does not come soon is told by the service itself.
 */
export async function untilReady(
  service: Pick<Service, 'readiness'>,
  problems: Record<string, string>,
  signal: AbortSignal,
): Promise<void> {
  const until = performance.now() + readyPatienceMs;
  while (!signal.aborted && performance.now() < until) {
    const { isReady, problems: found } = await service.readiness();
    if (isReady) return;
    Object.assign(problems, found);
    await sleep(readyEveryMs);
  }
}

/** Before the configuration is known to be right. */
function levelOf({ LOG_LEVEL: level = '' }: Env): string {
  return ['fatal', 'error', 'warn', 'debug', 'trace', 'silent'].includes(level) ? level : 'info';
}

export function portOf(app: FastifyInstance): number {
  const address = app.server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
