import type { Cluster } from '@inferry/cli';
import { listedByDefault } from '@inferry/profiles';
import type { ScriptedUpstream } from '@inferry/testing/scripted-upstream';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Command, commandLines, inspect } from './support/command-lines.ts';
import { callTool, runOf } from './support/mcp-http.ts';
import { type ScriptedCluster, startScriptedCluster } from './support/scripted-cluster.ts';
import { tapWire, type WireTap } from './support/wire-tap.ts';

let scripted: ScriptedCluster;
let upstream: ScriptedUpstream;
let cluster: Cluster;
let wire: WireTap | undefined;
let running: Command | undefined;
let lastRef = 0;

beforeAll(async () => {
  scripted = await startScriptedCluster({ replicas: 2, auth: 'none' });
  ({ cluster, upstream } = scripted);
}, 120_000);

afterEach(async () => {
  running?.process.kill('SIGKILL');
  await running?.ended;
  running = undefined;
  wire?.close();
  wire = undefined;
});

afterAll(async () => {
  await scripted?.stop();
}, 60_000);

function newRun(durationMs: number): Record<string, unknown> {
  const ref = `command-${++lastRef}`;
  return { model: 'scripted/job', input: { duration_ms: durationMs }, client_ref: ref, wait_seconds: 30 };
}

function runFieldsOf(result: Record<string, unknown>): Record<string, unknown> {
  // as: the `run` object of docs/tools.md.
  return (result.structuredContent as { run?: Record<string, unknown> } | undefined)?.run ?? {};
}

async function endOf(args: Record<string, unknown>): Promise<string | undefined> {
  const request = {
    tool: 'get_run',
    args: { client_ref: args.client_ref, wait_seconds: 20 },
    timeoutMs: 30_000,
  };
  return runOf(await callTool(cluster.url, request))?.status;
}

describe.each(Object.entries(commandLines))('%s, against two replicas', (_kind, commandLine) => {
  it('lists the tools', async () => {
    running = commandLine.list(cluster.url);

    const ended = await running.ended;

    expect(ended).toMatchObject({ code: 0 });
    expect(commandLine.read(ended).tools).toHaveLength(listedByDefault.length);
  });

  it('runs a model and is sent its progress, which never goes back', async () => {
    wire = await tapWire(cluster.url);
    running = commandLine.call(wire.url, 'run_model', newRun(8_000));

    const ended = await running.ended;

    expect(runFieldsOf(commandLine.read(ended)).status).toBe('succeeded');
    const steps = wire.progress();
    expect(steps.length).toBeGreaterThan(1);
    expect(steps).toEqual([...steps].sort((a, b) => a - b));
  });

  it('is stopped by its user, and the run goes on', async () => {
    const args = newRun(3_000);
    wire = await tapWire(cluster.url);
    running = commandLine.call(wire.url, 'run_model', args);
    await vi.waitFor(() => expect(wire?.progress().length).toBeGreaterThan(0), { timeout: 30_000 });

    running.process.kill('SIGINT');
    const { stdout } = await running.ended;

    expect(stdout).not.toContain('succeeded');
    expect(await endOf(args)).toBe('succeeded');
  });

  it('gets its run after the replica that served it was killed', async () => {
    const args = newRun(6_000);
    wire = await tapWire(cluster.url);
    running = commandLine.call(wire.url, 'run_model', args);
    await vi.waitFor(() => expect(wire?.progress().length).toBeGreaterThan(0), { timeout: 30_000 });

    for (const gateway of cluster.of('mcp-gateway')) gateway.kill('SIGKILL');
    await vi.waitFor(() => expect(cluster.of('mcp-gateway').some(({ isReady }) => isReady)).toBe(false));
    await cluster.ready(30_000);
    // One that does not notice a broken stream waits for its own time-out.
    running.process.kill('SIGINT');
    const broken = await running.ended;
    running = commandLine.call(cluster.url, 'run_model', args);
    const run = runFieldsOf(commandLine.read(await running.ended));

    expect(broken.stdout).not.toContain('succeeded');
    expect(run.status).toBe('succeeded');
    expect(upstream.submissions().get(String(run.run_id))).toBe(1);
  }, 120_000);
});

describe.each(['legacy', 'modern'] as const)('the inspector, %s', (era) => {
  it('finds every schema portable', async () => {
    running = inspect(era, cluster.url, ['--method', 'tools/list', '--strict']);

    const { code, stderr } = await running.ended;

    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.not.stringMatching(/portab|error/i) });
  });

  it('tells a tool that failed by its exit code', async () => {
    const args = ['--tool-name', 'get_run', '--tool-arg', 'run_id=run_unknown'];
    running = inspect(era, cluster.url, ['--method', 'tools/call', ...args]);

    expect((await running.ended).code).toBe(5);
  });

  it('verifies every skill', async () => {
    running = inspect(era, cluster.url, ['--method', 'skills/list', '--verify', '--require-digests']);

    const { code, stdout } = await running.ended;

    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining('run-models') });
  });
});

describe('a replica that is told to stop', () => {
  it('ends its streams of changes with a result, and its clients listen at another one', async () => {
    const client = new Client(
      { name: 'inferry-tests', version: '1.0.0' },
      { versionNegotiation: { mode: { pin: '2026-07-28' } } },
    );
    await client.connect(new StreamableHTTPClientTransport(new URL(`${cluster.url}/mcp`)));
    const started = await callTool(cluster.url, {
      tool: 'run_model',
      args: { ...newRun(600_000), wait_seconds: 0 },
      timeoutMs: 20_000,
    });
    const runId = runOf(started)?.run_id ?? '';
    const uri = `inferry://runs/${runId}`;
    const updates: string[] = [];
    client.setNotificationHandler('notifications/resources/updated', ({ params }) => {
      updates.push(params.uri);
    });
    // A strict round robin: each replica has one of them.
    const filter = { resourceSubscriptions: [uri] };
    const open = [await client.listen(filter), await client.listen(filter)];
    const [first] = cluster.of('mcp-gateway');

    first?.kill('SIGTERM');
    const ended = await Promise.race(open.map(({ closed }, at) => closed.then((how) => ({ at, how }))));
    const again = await client.listen(filter);
    await open[1 - ended.at]?.close();
    updates.length = 0;
    await callTool(cluster.url, { tool: 'cancel_run', args: { run_id: runId }, timeoutMs: 20_000 });

    expect(ended.how).toBe('graceful');
    expect(again.honoredFilter).toEqual(filter);
    await vi.waitFor(() => expect(updates).toContain(uri), { timeout: 10_000 });
    await client.close();
    await cluster.ready(30_000);
  }, 90_000);
});
