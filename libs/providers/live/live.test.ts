// Calls to the platforms themselves. A platform runs when its key is set, and is skipped by name otherwise:
//   OPENAI_API_KEY=… npm run test:live
// A run spends money and is asked for by name and input:
//   LIVE_MODEL_OPENAI=gpt-4o-mini LIVE_INPUT_OPENAI='{"prompt":"Say hello"}'
// LIVE_RECORD=1 writes what was said to vectors/<platform>/live-<model>.json: read it before you commit it.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Secret } from '@inferry/contracts';
import { describe, expect, it } from 'vitest';
import { adapters } from '../src/adapters.ts';
import type { Vector } from '../src/contract-suite/vector.ts';
import type { AdapterDefinition } from '../src/definition.ts';
import type { JobView, ProviderContext } from '../src/provider.ts';
import { liveBases, startRecordingProxy } from './recording-proxy.ts';

const { env } = process;

function keyOf({ keyVariables }: AdapterDefinition): string | undefined {
  return keyVariables.map((name) => env[name]).find((key) => key !== undefined && key !== '');
}

function variableOf(prefix: string, slug: string): string {
  return `${prefix}_${slug.toUpperCase().replaceAll('-', '_')}`;
}

function statusesOf(views: readonly JobView[]): string[] {
  return views.map(({ status }) => status).filter((status, index, all) => status !== all[index - 1]);
}

async function open(definition: AdapterDefinition) {
  const key = keyOf(definition) ?? '';
  const proxy = await startRecordingProxy(liveBases(definition, env), [key]);
  const { slug, title, capabilities, settings = {} } = definition;
  const provider = await definition.create({
    slug,
    title,
    capabilities,
    bases: proxy.bases,
    allowPrivateHosts: false,
    settings: Object.fromEntries(Object.keys(settings).map((name) => [name, env[name]])),
    now: Date.now,
    random: Math.random,
  });
  const context: ProviderContext = { credential: new Secret(key), signal: AbortSignal.timeout(280_000) };
  return { provider, proxy, context };
}

function record(
  definition: AdapterDefinition,
  vector: Omit<Vector, 'upstream' | 'source' | 'emulated' | 'note' | 'case'>,
) {
  const folder = join(import.meta.dirname, '..', 'vectors', definition.slug);
  const name = `live-${vector.run.model.replace(/[^a-z0-9]+/gi, '-')}`;
  const source = { kind: 'live', ref: definition.homepage, date: new Date().toISOString().slice(0, 10) };
  const note = 'The ids of a live conversation are not those of the emulator.';
  const whole = { upstream: definition.slug, case: name, source, emulated: false, note, ...vector };
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(whole, null, 2)}\n`);
}

for (const definition of adapters.filter(({ presetOf }) => presetOf === undefined)) {
  const { slug, title, keyVariables } = definition;
  const key = keyOf(definition);
  const model = env[variableOf('LIVE_MODEL', slug)];

  describe(`${title}, live (${key === undefined ? `skipped: ${keyVariables.join(' or ')} is not set` : 'called'})`, () => {
    it.skipIf(key === undefined)('takes the key and lists models', async () => {
      const { provider, proxy, context } = await open(definition);

      const probe = await provider.probe?.(context);
      const listed = await provider.listModels(context);
      await provider.close();
      proxy.close();

      expect(probe?.outcome ?? 'ok').toBe('ok');
      expect(listed === 'unchanged' ? 0 : listed.models.length).toBeGreaterThan(0);
    });

    it.skipIf(key === undefined || model === undefined)(`runs ${model ?? 'a model'} to its end`, async () => {
      const { provider, proxy, context } = await open(definition);
      const input: Record<string, unknown> = JSON.parse(env[variableOf('LIVE_INPUT', slug)] ?? '{}');
      const request = {
        nativeId: model ?? '',
        input,
        files: {},
        runId: `run_live${Date.now()}`,
        options: {},
      };

      const { handle, view } = await provider.submit(request, context);
      const views = [view];
      while (['queued', 'running'].includes(views.at(-1)?.status ?? '')) {
        await sleep(views.at(-1)?.pollAfterMs ?? 2_000);
        views.push(await provider.poll(handle, context));
      }
      await provider.close();
      proxy.close();

      const end = views.at(-1);
      const outputs = end?.outputs?.map(({ kind }) => kind) ?? [];
      const charged = end?.charged?.amount;
      if (env.LIVE_RECORD === '1') {
        const run = { model: request.nativeId, input, options: {} };
        const seen = { states: statusesOf(views), outputs, ...(charged !== undefined && { charged }) };
        record(definition, { run, steps: proxy.steps, expect: seen });
      }
      expect(end?.status).toBe('succeeded');
      expect(outputs.length).toBeGreaterThan(0);
    });
  });
}
