import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { callTool, errorOf, runOf } from './support/mcp-http.ts';
import { type ScriptedCluster, startScriptedCluster, unlimited } from './support/scripted-cluster.ts';

const shift = pathToFileURL(join(import.meta.dirname, '../trial/clock-shift.ts')).href;
const hoursOff = [2, -3] as const;

let scripted: ScriptedCluster;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'inferry-clocks-'));
  for (const hours of hoursOff) await writeFile(join(folder, String(hours)), String(hours * 3_600_000));
  scripted = await startScriptedCluster({
    ...{ replicas: 2, auth: 'none', env: unlimited },
    adapt: async (env, { index }) => ({
      ...env,
      NODE_OPTIONS: `--import=${shift}`,
      TRIAL_CLOCK_FILE: join(folder, String(hoursOff[index])),
    }),
  });
}, 120_000);

afterAll(async () => {
  await scripted?.stop();
  await rm(folder, { recursive: true });
}, 60_000);

it('services whose clocks are five hours apart, and hours off, serve every call and send every run', async () => {
  const outcomes = await Promise.all(
    Array.from({ length: 16 }, () => {
      const args = { model: 'scripted/job', input: { duration_ms: 300 }, wait_seconds: 20 };
      return callTool(scripted.cluster.url, { tool: 'run_model', args, timeoutMs: 30_000 });
    }),
  );

  expect(outcomes.map((outcome) => errorOf(outcome)?.code ?? runOf(outcome)?.status)).toEqual(
    outcomes.map(() => 'succeeded'),
  );
}, 60_000);
