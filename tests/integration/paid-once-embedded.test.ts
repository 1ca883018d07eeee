/** What `npm start` makes of paid submits when it is killed, asleep, or cannot write to its database: counted by the platform. */
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '@inferry/testing';
import { type ScriptedUpstream, startScriptedUpstream } from '@inferry/testing/scripted-upstream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EmbeddedProcess, readyStatus, startEmbeddedProcess } from './support/embedded-process.ts';
import { callTool, errorOf, runOf } from './support/mcp-http.ts';

const submitTimeoutMs = 5_000;
const settlesMs = 3_000;
const runsAtOnce = 8;

let folder: string;
let upstream: ScriptedUpstream;
let system: EmbeddedProcess;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'inferry-paid-'));
  upstream = await startScriptedUpstream();
  system = await startEmbeddedProcess({
    ...{ port: await freePort(), home: folder },
    env: {
      INFERRY_EXTRA_PROVIDERS: '@inferry/testing/scripted-provider',
      SCRIPTED_UPSTREAM_URL: upstream.url,
      SUBMIT_TIMEOUT_MS: String(submitTimeoutMs),
      SUBMIT_SETTLES_MS: String(settlesMs),
    },
  });
}, 90_000);
afterAll(async () => {
  await system?.kill('SIGKILL');
  await upstream?.close();
  await rm(folder, { recursive: true });
}, 30_000);

let label = 0;

function begin(model: 'job' | 'forgetful', input: Record<string, unknown>) {
  label += 1;
  const args = { model: `scripted/${model}`, input, client_ref: `embedded-${label}`, wait_seconds: 0 };
  return callTool(system.url, { tool: 'run_model', args, timeoutMs: 20_000 });
}

/** Starts the runs and resolves when the platform has read all their submits. */
async function send(model: 'job' | 'forgetful', input: Record<string, unknown>): Promise<string[]> {
  const started = await Promise.all(Array.from({ length: runsAtOnce }, () => begin(model, input)));
  const runs = started.map((outcome) => runOf(outcome)?.run_id ?? JSON.stringify(outcome.structured));
  await expect
    .poll(() => runs.filter((run) => !upstream.submissions().has(run)), { timeout: 50_000 })
    .toEqual([]);
  return runs;
}

async function ends(runs: readonly string[]): Promise<string[]> {
  const outcomes = await Promise.all(
    runs.map((run_id) => callTool(system.url, { tool: 'get_run', args: { run_id }, timeoutMs: 20_000 })),
  );
  return outcomes.map((outcome, index) => {
    const taken = upstream.acceptances().get(runs[index] ?? '') ?? 0;
    return `${runOf(outcome)?.status}, taken ${taken}`;
  });
}

async function expectOnce(runs: readonly string[]): Promise<void> {
  await expect
    .poll(() => ends(runs), { timeout: 100_000, interval: 300, message: system.log.slice(-12).join('\n') })
    .toEqual(runs.map(() => 'succeeded, taken 1'));
}

describe('killed and started again at once', () => {
  it('sends nothing twice that the platform is still accepting', async () => {
    const runs = await send('job', { accept_ms: 3_000 });

    await system.kill('SIGKILL');
    await system.start();

    await expectOnce(runs);
  }, 90_000);

  it('has what the platform answered although the database never heard of it', async () => {
    const runs = await send('forgetful', { accept_ms: 2_000 });
    const release = lockDatabase();
    await expect.poll(() => runs.filter((run) => !upstream.acceptances().has(run))).toEqual([]);
    // The answers are in the journal a moment later.
    await expect
      .poll(() => system.log.filter((line) => line.includes('not written yet')).length)
      .toBeGreaterThan(0);

    await system.kill('SIGKILL');
    release();
    await system.start();

    await expectOnce(runs);
  }, 90_000);
});

describe('a machine that sleeps', () => {
  it.each([3_500, submitTimeoutMs, submitTimeoutMs + settlesMs + 1_000])(
    'for %i ms while submits are out loses none of them',
    async (asleepMs) => {
      const runs = await send('forgetful', { accept_ms: 1_500 });

      process.kill(system.pid(), 'SIGSTOP');
      await sleep(asleepMs);
      process.kill(system.pid(), 'SIGCONT');

      await expectOnce(runs);
    },
    90_000,
  );
});

describe('a database that takes no writes while replies come', () => {
  it('is locked by another program for some seconds', async () => {
    const runs = await send('forgetful', { accept_ms: 1_000 });

    const release = lockDatabase();
    await sleep(submitTimeoutMs + settlesMs + 1_000);
    release();

    await expectOnce(runs);
  }, 90_000);

  it('has a full disk: callers are told so, and nothing is lost', async () => {
    const runs = await send('forgetful', { accept_ms: 1_000 });

    limitFiles('0');
    const refused = await Promise.all([1, 2, 3].map(() => begin('job', {})));
    await expect.poll(() => readyStatus(system.url)).toBe(503);
    await expect.poll(() => runs.filter((run) => !upstream.acceptances().has(run))).toEqual([]);
    const later = await begin('job', {});
    await sleep(submitTimeoutMs + settlesMs);
    limitFiles('unlimited');

    for (const outcome of [...refused, later]) {
      expect(errorOf(outcome)).toMatchObject({
        code: 'unavailable',
        message: expect.stringContaining('The disk of the database is full'),
      });
    }
    await expectOnce(runs);
    await expect.poll(() => readyStatus(system.url)).toBe(200);
    expect(runOf(await begin('job', {}))?.run_id).toMatch(/^run_/);
  }, 90_000);
});

/** Another program's transaction. Returns what ends it. */
function lockDatabase(): () => void {
  const other = new DatabaseSync(join(folder, 'inferry.db'));
  other.exec('pragma busy_timeout = 5000; begin immediate');
  return () => {
    other.exec('rollback');
    other.close();
  };
}

/** No file of the system may grow beyond this, as on a disk without room. */
function limitFiles(bytes: string): void {
  execFileSync('prlimit', ['--pid', String(system.pid()), `--fsize=${bytes}:unlimited`]);
}
