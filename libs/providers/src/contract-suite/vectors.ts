import { AppError, Secret } from '@inferry/contracts';
import { expect, it } from 'vitest';
import type { Bases } from '../http/index.ts';
import type { JobView, Provider } from '../provider.ts';
import { type ReplayServer, startReplayServer } from './replay-server.ts';
import { capture, fillIn, readVectors, type Step, type Vector } from './vector.ts';
import type { World } from './world.ts';

/** Every vector of the platform, replayed against the adapter and against the emulator. */
export function describeVectors(platform: string, world: () => World): void {
  for (const vector of readVectors(platform)) {
    it(`replays ${vector.case} (${vector.source.kind}, ${vector.source.date}) against the adapter`, async () => {
      const server = await startReplayServer(vector);
      const provider = await openProvider(world(), server);
      try {
        const seen = await play(provider, vector);

        expect(server.problems).toEqual([]);
        expect(seen).toEqual(vector.expect);
        expect(server.left()).toBe(0);
      } finally {
        await provider.close();
        server.close();
      }
    });
    if (!vector.emulated || vector.source.kind === 'emulator') continue;
    it(`replays ${vector.case} (${vector.source.kind}, ${vector.source.date}) against the emulator`, async () => {
      const { emulator } = world();
      emulator.script({ states: statesOf(vector) });

      expect(await ask(world(), vector)).toEqual([]);
    });
  }
}

async function openProvider({ subject, emulator }: World, server: ReplayServer): Promise<Provider> {
  const { definition } = subject;
  const names = Object.keys(definition.bases);
  return definition.create({
    slug: definition.slug,
    title: definition.title,
    capabilities: definition.capabilities,
    // as: every definition has `api` among its bases.
    bases: Object.fromEntries(names.map((name) => [name, server.base(name)])) as Bases,
    allowPrivateHosts: false,
    settings: subject.settings ?? {},
    now: () => emulator.now(),
    random: () => 0.5,
  });
}

/** What an adapter makes of a conversation, as the vector expects it. */
async function play(provider: Provider, vector: Vector): Promise<Vector['expect']> {
  const context = { credential: new Secret('vector-key-0123456789'), signal: AbortSignal.timeout(20_000) };
  const { model: nativeId, input, options } = vector.run;
  const views: JobView[] = [];
  try {
    const request = { nativeId, input, files: {}, runId: 'run_0000000000000000000001', options };
    const { handle, view } = await provider.submit(request, context);
    views.push(view);
    while (views.length < 50 && ['queued', 'running'].includes(views.at(-1)?.status ?? '')) {
      views.push(await provider.poll(handle, context));
    }
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { states: [...statusesOf(views), 'refused'], error: error.code };
  }
  const end = views.at(-1);
  return {
    states: statusesOf(views),
    ...(end?.outputs !== undefined && { outputs: end.outputs.map(({ kind }) => kind) }),
    ...(end?.error !== undefined && { error: end.error.code }),
    ...(end?.charged !== undefined && { charged: end.charged.amount }),
  };
}

function statusesOf(views: readonly JobView[]): string[] {
  return views.map(({ status }) => status).filter((status, index, all) => status !== all[index - 1]);
}

type Script = NonNullable<Parameters<World['emulator']['script']>[0]['states']>;

/** Each status call of the vector moves the emulated job on; the first state is what the submit answered. */
function statesOf({ expect: { states } }: Vector): Script {
  const known = ['queued', 'running', 'succeeded', 'failed', 'cancelled', 'expired'] as const;
  const after = states.length > 1 ? states.slice(1) : states;
  return after.flatMap((state) =>
    known.filter((name) => name === (state === 'not_found' ? 'expired' : state)),
  );
}

/** Sends the vector's requests to the emulator; returns how its answers differ in shape. */
async function ask({ emulator }: World, vector: Vector): Promise<string[]> {
  const names = new Map([['base', emulator.base()]]);
  for (const { request } of vector.steps) names.set(`base_${request.base}`, emulator.base(request.base));
  const problems: string[] = [];
  for (const step of vector.steps) {
    // as: filling in changes texts only.
    const request = fillIn(step.request, names) as Step['request'];
    const url = new URL(emulator.base(request.base) + request.path);
    for (const [name, value] of Object.entries(request.query ?? {})) url.searchParams.set(name, value);
    const response = await fetch(url, {
      method: request.method,
      redirect: 'manual',
      headers: { ...emulator.authorization(), ...request.headers, 'content-type': 'application/json' },
      ...(request.body === undefined || request.method === 'GET'
        ? {}
        : { body: JSON.stringify(request.body) }),
    });
    const text = await response.text();
    const body = parse(text);
    const at = `${request.method} ${request.path}`;
    if (response.status !== step.response.status) {
      problems.push(`${at}: ${response.status} instead of ${step.response.status}: ${text.slice(0, 200)}`);
    }
    problems.push(...shapeDifferences(step.response.body, body, at));
    capture(step, body, names);
  }
  return problems;
}

/** What the vector has must be there with the same type; what the emulator adds is its own matter. */
function shapeDifferences(wanted: unknown, got: unknown, at: string): string[] {
  if (wanted === undefined || wanted === null || got === null) return [];
  if (Array.isArray(wanted)) {
    if (!Array.isArray(got)) return [`${at} is no list`];
    return wanted.length === 0 || got.length === 0 ? [] : shapeDifferences(wanted[0], got[0], `${at}/0`);
  }
  if (typeof wanted !== typeof got) return [`${at} is ${typeof got} instead of ${typeof wanted}`];
  if (typeof wanted !== 'object') return [];
  return Object.entries(wanted).flatMap(([name, value]) =>
    // as: both are objects here.
    name in (got as object)
      ? shapeDifferences(value, (got as Record<string, unknown>)[name], `${at}/${name}`)
      : [`${at}/${name} is missing`],
  );
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not JSON: compared as text.
    return text === '' ? undefined : text;
  }
}
