/** The drill: what a backup holds stands up again on an empty machine, answers as before, and sends nothing twice. */
import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createTcpProxy, freePort, type TcpProxy } from '@inferry/testing';
import { type ScriptedUpstream, startScriptedUpstream } from '@inferry/testing/scripted-upstream';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type EmbeddedProcess, startEmbeddedProcess } from './support/embedded-process.ts';
import { callTool, runOf } from './support/mcp-http.ts';

const main = join(import.meta.dirname, '../../cli/src/main.ts');

/** What is waited for is certain to come; a busy machine may take its time. */
const patient = { timeout: 120_000 };

let folder: string;
let port: number;
let upstream: ScriptedUpstream;
let way: TcpProxy;
let system: EmbeddedProcess | undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'inferry-drill-'));
  port = await freePort();
  upstream = await startScriptedUpstream();
  way = await createTcpProxy({ port: Number(new URL(upstream.url).port) });
});

afterAll(async () => {
  await system?.kill('SIGKILL');
  await way?.close();
  await upstream?.close();
  await rm(folder, { recursive: true, force: true });
}, 60_000);

const settings = (): Record<string, string> => ({
  PROVIDERS: 'local',
  INFERRY_EXTRA_PROVIDERS: '@inferry/testing/scripted-provider',
  SCRIPTED_UPSTREAM_URL: `http://127.0.0.1:${way.port}`,
  // A run that may have been sent is asked about soon.
  SUBMIT_TIMEOUT_MS: '1000',
  SUBMIT_SETTLES_MS: '1000',
});

async function start(home: string, more: Record<string, string> = {}): Promise<EmbeddedProcess> {
  system = await startEmbeddedProcess({
    port,
    home: join(folder, home),
    env: { ...settings(), ...more },
  });
  return system;
}

async function command(home: string, ...args: string[]): Promise<string> {
  const env = { PATH: process.env.PATH, INFERRY_HOME: join(folder, home) };
  const flags = ['--disable-warning=ExperimentalWarning', main, ...args];
  return (await promisify(execFile)(process.execPath, flags, { env })).stdout;
}

async function ask(tool: string, args: Record<string, unknown>): Promise<Record<string, unknown>> {
  const { structured } = await callTool(system?.url ?? '', { tool, args, timeoutMs: 120_000 });
  return structured;
}

async function begin(durationMs: number, waitSeconds: number): Promise<string> {
  const args = { model: 'scripted/job', input: { duration_ms: durationMs }, wait_seconds: waitSeconds };
  const outcome = await callTool(system?.url ?? '', { tool: 'run_model', args, timeoutMs: 120_000 });
  const run = runOf(outcome);
  if (run === undefined) throw new Error(`no run: ${JSON.stringify(outcome.structured)}`);
  return run.run_id;
}

async function stateOf(runId: string, waitSeconds = 0): Promise<string | undefined> {
  const args = { run_id: runId, wait_seconds: waitSeconds };
  return runOf(await callTool(system?.url ?? '', { tool: 'get_run', args, timeoutMs: 120_000 }))?.status;
}

it('brings every run and file back on an empty machine, and sends no run a second time', async () => {
  // One submit at a time: while it hangs, the next run waits in its row.
  await start('before', {
    POLLER_MAX_SUBMITS: '1',
    POLLER_MAX_SUBMITS_PER_PLATFORM: '1',
    SUBMIT_TIMEOUT_MS: '60000',
  });
  const ended = await begin(10, 60);
  const running = await begin(3_000, 0);
  await expect.poll(() => upstream.acceptances().get(running), patient).toBe(1);
  const file = await ask('upload_file', {
    base64: Buffer.from('kept').toString('base64'),
    file_name: 'a.txt',
  });
  way.blackhole();
  const held = await begin(10, 0);
  const waiting = await begin(10, 0);
  await command('before', 'backup', '--to', join(folder, 'backup'));
  // The system goes on after the backup: what waited then is sent.
  way.restore();
  await expect.poll(() => stateOf(waiting, 5), patient).toBe('succeeded');
  await system?.kill('SIGTERM');

  await command('after', 'restore', '--from', join(folder, 'backup'));
  await cp(join(folder, 'before', 'secret'), join(folder, 'after', 'secret'));
  await start('after');

  expect(await stateOf(ended)).toBe('succeeded');
  for (const runId of [running, held, waiting])
    await expect.poll(() => stateOf(runId, 10), patient).toBe('succeeded');
  expect(await (await fetch(String(file.file_url))).text()).toBe('kept');
  const accepted = [ended, running, held, waiting].map((runId) => upstream.acceptances().get(runId));
  expect(accepted).toEqual([1, 1, 1, 1]);
}, 400_000);

it('refuses to restore over what is there, and says what is missing', async () => {
  await expect(command('after', 'restore', '--from', join(folder, 'backup'))).rejects.toThrow('not empty');
  await expect(command('other', 'restore', '--from', join(folder, 'nowhere'))).rejects.toThrow(
    'no whole backup',
  );
});
