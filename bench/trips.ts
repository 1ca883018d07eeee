/**
 * What a reader pays: how many files and functions of ours one request enters, from HTTP to the platform's adapter and back,
 * by the engine's own precise coverage of the system in one process. A file counts when a function of it ran in each of
 * several such requests and not in a system that nobody asks: timers come now and then and are no part of the trip; files of
 * types and tables enter nothing.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseStartConfig, startEmbedded } from '@inferry/cli';
import { emulatorDefinitions, emulatorVariables, startEmulators } from '@inferry/testing/emulators';
import type { BenchOptions, BenchResult } from './report.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const model = 'fal/fal-ai/flux/schnell';
/** Timers of a system that nobody asks anything are heard within it: most come every few seconds, the slowest every 30. */
const idleMs = { quick: 6_000, full: 31_000 };
/** What came in between is not in all of them. */
const repeats = 3;

interface Trip {
  params: object;
  method: string;
  /** Files above which the trip is too long for a reader. */
  aim: number;
}

const trips: Record<string, Trip> = {
  ping: { method: 'ping', params: {}, aim: 15 },
  'tools/list': { method: 'tools/list', params: {}, aim: 20 },
  search_models: call('search_models', { query: 'flux', limit: 3 }, 60),
  create_upload: call('create_upload', { file_name: 'a.png', content_type: 'image/png', size: 10 }, 50),
  run_model: call('run_model', { model, input: { prompt: 'a boat' }, wait_seconds: 25 }, 80),
};

function call(name: string, args: object, aim: number): Trip {
  return { method: 'tools/call', params: { name, arguments: args }, aim };
}

/** The names of entered functions by file. */
type Entered = Map<string, Set<string>>;

export async function measureTrips({ isQuick }: BenchOptions): Promise<BenchResult> {
  const home = mkdtempSync(join(tmpdir(), 'inferry-trips-'));
  const emulators = await startEmulators({
    definitions: emulatorDefinitions.filter(({ slug }) => slug === 'fal'),
    now: Date.now,
  });
  const env = {
    ...emulatorVariables(emulators),
    ...{ INFERRY_HOME: home, PORT: '0', LOG_LEVEL: 'silent', PROVIDERS: 'fal' },
  };
  const system = await startEmbedded(parseStartConfig(env), env);
  const session = new Session();
  session.connect();
  try {
    await session.post('Profiler.enable');
    await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
    const ask = (trip: Trip) => request(system.port, trip);
    for (const trip of Object.values(trips)) await ask(trip);
    await take(session);
    await sleep(isQuick ? idleMs.quick : idleMs.full);
    const idle = await take(session);
    const lines: string[] = [];
    const figures: Record<string, unknown> = {};
    lines.push(`counted: files of which a function ran in each of ${repeats} requests, and not without one`);
    for (const [name, trip] of Object.entries(trips)) {
      await take(session);
      let entered: Entered | undefined;
      for (let round = 0; round < repeats; round += 1) {
        await ask(trip);
        entered = inBoth(entered, without(await take(session), idle));
      }
      if (entered === undefined) throw new Error('no trip was made');
      const functions = [...entered.values()].reduce((sum, names) => sum + names.size, 0);
      figures[name] = { files: entered.size, functions, entered: [...entered.keys()].sort() };
      lines.push(
        `${name.padEnd(14)} ${entered.size} files, ${functions} functions (aim: under ${trip.aim} files)`,
      );
      lines.push(
        `  ${Object.entries(byPackage(entered))
          .map(([one, count]) => `${one} ${count}`)
          .join(', ')}`,
      );
    }
    return { figures, lines };
  } finally {
    session.disconnect();
    await system.close(1_000);
    await emulators.close();
    rmSync(home, { recursive: true, force: true });
  }
}

async function request(port: number, { method, params }: Trip): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}/mcp`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  });
  const text = await response.text();
  if (!response.ok || text.includes('"isError":true')) throw new Error(`${method}: ${text.slice(0, 500)}`);
}

/** What was entered since it was last taken. */
async function take(session: Session): Promise<Entered> {
  const { result } = await session.post('Profiler.takePreciseCoverage');
  const entered: Entered = new Map();
  for (const { url, functions } of result) {
    const file = url.startsWith('file:') ? relative(root, fileURLToPath(url)) : '';
    if (!/^(libs|services|cli)\/(?!testing\/)/.test(file)) continue;
    const names = functions
      .filter(({ ranges }) => (ranges[0]?.count ?? 0) > 0)
      .map(({ functionName, ranges }) => `${functionName}:${ranges[0]?.startOffset}`);
    if (names.length > 0) entered.set(file, new Set(names));
  }
  return entered;
}

function without(entered: Entered, idle: Entered): Entered {
  const own = [...entered].map(
    ([file, names]) => [file, names.difference(idle.get(file) ?? new Set())] as const,
  );
  return new Map(own.filter(([, names]) => names.size > 0));
}

function inBoth(before: Entered | undefined, entered: Entered): Entered {
  if (before === undefined) return entered;
  const both = [...entered].map(
    ([file, names]) => [file, names.intersection(before.get(file) ?? new Set())] as const,
  );
  return new Map(both.filter(([, names]) => names.size > 0));
}

function byPackage(entered: Entered): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const file of entered.keys()) {
    const name = file.split('/')[1] ?? file;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}
