/** `stdio`: the whole system in one process for the one client that started it, which speaks over stdin and stdout. */
import { statSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { flushCompileCache } from 'node:module';
import { resolve } from 'node:path';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { listProviders, localPrincipal, type Profile } from '@inferry/contracts';
import { profiles } from '@inferry/profiles';
import { ConfigError, type Env, readAll, stopOnSignals } from '@inferry/runtime';
import { startTelemetry } from '@inferry/runtime/telemetry';
import { isRead } from '../banner.ts';
import { parseStartConfig, portFrom, type StartConfig } from '../config.ts';
import type { EmbeddedSystem } from '../embedded.ts';
import { type Front, openFront } from '../front.ts';
import { talkOverStdio } from '../stdio.ts';

/** Clients kill a server that takes two seconds to end. */
const graceMs = 1_000;
/** What reading the models of platforms may take before calls are made without them. */
const modelsMs = 5_000;
/** After a start, until what it leaves behind is given back. */
const settledMs = 1_000;
/** What closing may take on top of it. */
const lateMs = 2_000;

export async function stdio(args: readonly string[], given: Env): Promise<number | undefined> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      profile: { type: 'string', default: 'inferry' },
      root: { type: 'string', multiple: true, default: [] },
    },
  });
  const profile = readProfile(values.profile);
  const folders = values.root.map((folder) => readFolder(folder));
  const talk = talkOverStdio();
  const env = await toLocal(given);
  const { config, front } = await openChecked(env);
  const telemetry = await startTelemetry('embedded', env);
  let starting: Promise<EmbeddedSystem> | undefined;
  const failed = Promise.withResolvers<never>();
  const begin = () => {
    starting = startBehind(front, { config, env });
    starting
      .then((system) => {
        setTimeout(() => void giveBack(), settledMs).unref();
        return tellMissingKey(system, profile);
      })
      .catch(failed.reject);
  };
  const stop = async (withinMs: number) => {
    const system = await starting;
    await system?.close(withinMs);
    await telemetry.shutdown();
  };
  let lingerMs = 0;
  stopOnSignals({ log: front.log, graceMs, lingerMs: () => lingerMs, stop });
  const ended = talk((writer) => {
    const endpoint = front.gateway.openStdio(profile.key, writer, folders);
    return {
      take(chunk) {
        endpoint.take(chunk);
        if (starting === undefined) begin();
      },
      gone: () => endpoint.gone(),
    };
  });
  await Promise.race([ended, failed.promise]);
  lingerMs = (await starting)?.lingerMs ?? 0;
  // Nobody is there any more whom it could matter to.
  setTimeout(() => process.exit(0), graceMs + lateMs + lingerMs).unref();
  await stop(graceMs);
  return 0;
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
  const { checkServices } = await import('../embedded.ts');
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
    const { startEmbedded } = await import('../embedded.ts');
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

/** The start took memory that nothing uses any more, and would keep it while nobody asks for anything. */
async function giveBack(): Promise<void> {
  flushCompileCache();
  const session = new Session();
  session.connect();
  await session.post('HeapProfiler.collectGarbage').catch(() => undefined);
  session.disconnect();
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

function readFolder(folder: string): string {
  const path = resolve(folder);
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return path;
  throw new ConfigError([`--root: ${path} is no folder`]);
}

function readProfile(key: string): Profile {
  const profile = profiles.find((one) => one.key === key);
  if (profile !== undefined) return profile;
  const known = profiles.map((one) => one.key).join(', ');
  throw new ConfigError([`--profile: there is no "${key.slice(0, 40)}"; known: ${known}`]);
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

/** A person who reads the client's log finds why every tool of a platform fails. */
async function tellMissingKey(
  { parts }: EmbeddedSystem,
  { providers: wanted, serverInfo }: Profile,
): Promise<void> {
  if (wanted === undefined) return;
  const { providers } = await parts.bus.call(listProviders, {}, { principal: localPrincipal });
  if (providers.some(({ slug, ready }) => ready && wanted.includes(slug))) return;
  const variables = wanted.map((slug) => `${slug.toUpperCase().replaceAll('-', '_')}_API_KEY`);
  const name = serverInfo?.title ?? wanted.join(', ');
  process.stderr.write(
    `No key of ${name} is set: put ${variables.join(' or ')} into the environment of this server.\n`,
  );
}
