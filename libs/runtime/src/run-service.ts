import type { Secret } from '@inferry/contracts';
import type { FastifyInstance } from 'fastify';
import { ConfigError, type Env, parseRuntimeConfig, type RuntimeConfig } from './config.ts';
import { createHttpApp } from './http-app.ts';
import { createLogger } from './logger.ts';
import { type OpenedParts, openParts } from './open-parts.ts';
import type { Parts, Service } from './service.ts';
import { stopOnSignals } from './shutdown.ts';
import { startTelemetry, type Telemetry } from './telemetry/start-telemetry.ts';

export interface ServiceProcess {
  name: string;
  env: Env;
  create(parts: Parts, context: { config: RuntimeConfig; env: Env; secret: Secret }): Promise<Service>;
}

/**
 * A whole service process: configuration, telemetry, connections, the service, `/healthz` and `/readyz` on `PORT`,
 * and an orderly stop. Problems of the configuration are printed together and end it with code 2.
 */
export async function runService(definition: ServiceProcess): Promise<void> {
  try {
    await start(definition);
  } catch (error) {
    const log = createLogger({ service: definition.name, replica: 'starting', level: 'info' });
    if (error instanceof ConfigError)
      log.fatal({ problems: error.problems }, 'the configuration is not valid');
    else log.fatal({ err: error }, 'the start failed');
    process.exit(error instanceof ConfigError ? 2 : 1);
  }
}

async function start({ name, env, create }: ServiceProcess): Promise<void> {
  const config = parseRuntimeConfig(env);
  const telemetry = await startTelemetry(name, env);
  const opened = await openParts(name, config);
  const { parts } = opened;
  await parts.database.migrate();
  const service = await create(parts, { config, env, secret: opened.secret });
  const app = await createHttpApp([service]);
  await app.listen({ host: config.host, port: config.port });
  parts.log.info({ host: config.host, port: portOf(app) }, 'listening');
  // Whoever started this process over a channel learns the port, whatever the log level.
  process.send?.({ port: portOf(app) });
  stopOnSignals({
    log: parts.log,
    graceMs: config.shutdownGraceMs,
    stop: (graceMs) => stop({ service, app, opened, telemetry }, graceMs),
  });
}

/** First no new work, then the work in hand, then the sockets, then the connections below them. */
async function stop(
  running: { service: Service; app: FastifyInstance; opened: OpenedParts; telemetry: Telemetry },
  graceMs: number,
): Promise<void> {
  const { service, app, opened, telemetry } = running;
  await Promise.all([service.drain(graceMs), opened.parts.bus.drain(graceMs)]);
  await app.close();
  await service.close();
  await opened.close();
  await telemetry.shutdown();
}

export function portOf(app: FastifyInstance): number {
  const address = app.server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
