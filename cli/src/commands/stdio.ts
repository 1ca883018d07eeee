/** `stdio`: the whole system in one process for the one client that started it, which speaks over stdin and stdout. */
import { statSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { flushCompileCache } from 'node:module';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { listProviders, localPrincipal, type Profile } from '@inferry/contracts';
import { profiles } from '@inferry/profiles';
import { ConfigError, type Env, stopOnSignals } from '@inferry/runtime';
import { startTelemetry } from '@inferry/runtime/telemetry';
import type { EmbeddedSystem } from '../embedded.ts';
import { openLocal } from '../local-system.ts';
import { talkOverStdio } from '../stdio.ts';

/** Clients kill a server that takes two seconds to end. */
const graceMs = 1_000;
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
  // Before the first instrument is made.
  const telemetry = await startTelemetry('embedded', given);
  const { front, filesUrl, start } = await openLocal(given);
  let starting: Promise<EmbeddedSystem> | undefined;
  const failed = Promise.withResolvers<never>();
  const begin = () => {
    starting = start();
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
    const endpoint = front.gateway.openStdio(profile.key, writer, { folders, filesUrl });
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

/** The start took memory that nothing uses any more, and would keep it while nobody asks for anything. */
async function giveBack(): Promise<void> {
  flushCompileCache();
  const session = new Session();
  session.connect();
  await session.post('HeapProfiler.collectGarbage').catch(() => undefined);
  session.disconnect();
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
