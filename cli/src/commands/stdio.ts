/** `stdio`: the whole system in one process for the one client that started it, which speaks over stdin and stdout. */
import { parseArgs } from 'node:util';
import { listProviders, localPrincipal, type Profile } from '@inferry/contracts';
import { profiles } from '@inferry/profiles';
import { ConfigError, type Env, readAll, stopOnSignals } from '@inferry/runtime';
import { startTelemetry } from '@inferry/runtime/telemetry';
import { parseStartConfig, portFrom } from '../config.ts';
import { checkServices, type EmbeddedSystem, startEmbedded } from '../embedded.ts';
import { talkOverStdio } from '../stdio.ts';

/** Clients kill a server that takes two seconds to end. */
const graceMs = 1_000;
/** What closing may take on top of it. */
const lateMs = 2_000;

export async function stdio(args: readonly string[], given: Env): Promise<number | undefined> {
  const { values } = parseArgs({
    args: [...args],
    options: { profile: { type: 'string', default: 'inferry' } },
  });
  const profile = readProfile(values.profile);
  const talk = talkOverStdio();
  const env = await toLocal(given);
  const [config] = await readAll([
    () => parseStartConfig(env),
    () => checkServices(env, 'none', 'http://127.0.0.1'),
  ]);
  const telemetry = await startTelemetry('embedded', env);
  const system = await startEmbedded(config, env, { transport: 'stdio' });
  const stop = async (withinMs: number) => {
    await system.close(withinMs);
    await telemetry.shutdown();
  };
  stopOnSignals({ log: system.parts.log, graceMs, lingerMs: () => system.lingerMs, stop });
  const ended = talk((writer) => system.openStdio(profile.key, writer));
  void tellMissingKey(system, profile);
  await ended;
  // Nobody is there any more whom it could matter to.
  setTimeout(() => process.exit(0), graceMs + lateMs + system.lingerMs).unref();
  await stop(graceMs);
  return 0;
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
