// Whether the lists of Runpod's REST API still look as they were seen: read-only, and free.
//   RUNPOD_API_KEY=… npm run test:live
import { describe, expect, it } from 'vitest';
import { changedLists } from '../src/runpod/control/list-shapes.fixture.ts';
import { runpod } from '../src/runpod/definition.ts';
import { liveBases } from './recording-proxy.ts';

const { env } = process;
const key = env.RUNPOD_API_KEY ?? '';

describe(`Runpod's lists, live (${key === '' ? 'skipped: RUNPOD_API_KEY is not set' : 'called'})`, () => {
  it.skipIf(key === '')('look as they were seen', async () => {
    const { rest = '' } = liveBases(runpod, env);

    expect(await changedLists(rest, key)).toEqual([]);
  });
});
