/** The system of this process for one client alone: its front at once, the services behind it when they are needed. */
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { listProviders, localPrincipal } from '@inferry/contracts';
import { ConfigError, type Env, readAll } from '@inferry/runtime';
import { isRead } from './banner.ts';
import { parseStartConfig, portFrom, type StartConfig } from './config.ts';
import type { EmbeddedSystem } from './embedded.ts';
import { type Front, openFront } from './front.ts';

/** What reading the models of platforms may take before calls are made without them. */
const modelsMs = 5_000;
/** What is said to whoever has called may take, when the services do not start. */
const lateMs = 2_000;

export interface LocalSystem {
  front: Front;
  /** Where its files will be. */
  filesUrl: string;
  /** Loads and starts the services, once. */
  start(): Promise<EmbeddedSystem>;
}

/** Rejects with everything that is wrong with the configuration. */
export async function openLocal(given: Env): Promise<LocalSystem> {
  const env = await toLocal(given);
  const { config, front } = await openChecked(env);
  let starting: Promise<EmbeddedSystem> | undefined;
  return {
    front,
    filesUrl: config.baseUrl,
    start() {
      starting ??= startBehind(front, { config, env });
      return starting;
    },
  };
}

/** Files have links on loopback, at a port that is free; what a server is told about its place in the network does not hold here. */
async function toLocal(given: Env): Promise<Env> {
  const { PUBLIC_URL: _public, UPLOAD_INTERNAL_URL: _internal, PROFILES: _mounts, ...rest } = given;
  return {
    LOG_LEVEL: 'warn',
    ...rest,
    ...{ INFERRY_AUTH: 'none', HOST: '127.0.0.1', PORT: await portFrom({ PORT: '0' }) },
  };
}

/** A wrong configuration is told whole, which takes all services; a right one only what the front needs. */
async function openChecked(env: Env): Promise<{ config: StartConfig; front: Front }> {
  try {
    const config = parseStartConfig(env);
    return { config, front: await openFront(config, env, 'stdio') };
  } catch (error) {
    if (error instanceof ConfigError) await check(env);
    throw error;
  }
}

async function check(env: Env): Promise<void> {
  const { checkServices } = await import('./embedded.ts');
  await readAll([() => parseStartConfig(env), () => checkServices(env, 'none', 'http://127.0.0.1')]);
}

/** The first message is answered before anything of this is loaded; what is called meanwhile waits. */
async function startBehind(
  front: Front,
  { config, env }: { config: StartConfig; env: Env },
): Promise<EmbeddedSystem> {
  await nextTurn();
  try {
    await check(env);
    const { startEmbedded } = await import('./embedded.ts');
    const system = await startEmbedded(config, env, { transport: 'stdio', front });
    await waitForModels(system);
    front.stand();
    return system;
  } catch (error) {
    front.fall();
    // Who has called is told before this process ends.
    await front.gateway.drain(lateMs);
    await nextTurn();
    throw error;
  }
}

/** A first start knows no models yet; whoever calls then waits rather than being told so. */
async function waitForModels({ parts }: EmbeddedSystem): Promise<void> {
  const deadline = performance.now() + modelsMs;
  for (;;) {
    const { providers } = await parts.bus.call(listProviders, {}, { principal: localPrincipal });
    const isThere = providers.every(
      (provider) => !provider.ready || provider.models > 0 || isRead(provider, performance.timeOrigin),
    );
    if (isThere || performance.now() > deadline) return;
    await sleep(20);
  }
}
