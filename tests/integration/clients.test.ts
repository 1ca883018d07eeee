import type { Cluster } from '@inferry/cli';
import { runViewUri } from '@inferry/contracts';
import { listedByDefault } from '@inferry/profiles';
import type { ScriptedUpstream } from '@inferry/testing/scripted-upstream';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { type AnyClient, clientKinds, inspect, type ToolAnswer } from './support/clients.ts';
import { callTool, runOf } from './support/mcp-http.ts';
import { type ScriptedCluster, startScriptedCluster } from './support/scripted-cluster.ts';

let scripted: ScriptedCluster;
let upstream: ScriptedUpstream;
let cluster: Cluster;
let client: AnyClient | undefined;
let lastRef = 0;

beforeAll(async () => {
  scripted = await startScriptedCluster({ replicas: 2, auth: 'none' });
  ({ cluster, upstream } = scripted);
}, 120_000);

afterEach(async () => {
  await client?.close();
  client = undefined;
});

afterAll(async () => {
  await scripted?.stop();
}, 60_000);

function newRun(durationMs: number): Record<string, unknown> {
  const ref = `client-${++lastRef}`;
  return { model: 'scripted/job', input: { duration_ms: durationMs }, client_ref: ref, wait_seconds: 30 };
}

function runFieldsOf({ structuredContent }: ToolAnswer): Record<string, unknown> {
  // as: the `run` object of docs/tools.md.
  return (structuredContent?.run ?? {}) as Record<string, unknown>;
}

describe.each(Object.entries(clientKinds))(
  '%s, against two replicas behind a strict round robin',
  (_kind, connect) => {
    it('lists the tools', async () => {
      client = await connect(`${cluster.url}/mcp`);

      expect(await client.listTools()).toEqual(listedByDefault.map(({ name }) => name));
    });

    it('runs a model and follows its progress, which only grows', async () => {
      client = await connect(`${cluster.url}/mcp`);
      const steps: number[] = [];

      const answer = await client.call('run_model', newRun(2_000), {
        onProgress: (step) => steps.push(step),
      });

      expect(runFieldsOf(answer).status).toBe('succeeded');
      expect(steps.length).toBeGreaterThan(1);
      expect(steps).toEqual([...new Set(steps)].sort((a, b) => a - b));
    });

    it('reads the error of a failed call', async () => {
      client = await connect(`${cluster.url}/mcp`);

      const answer = await client.call('get_run', { run_id: 'run_unknown' });

      expect(answer).toMatchObject({
        isError: true,
        structuredContent: { error: { code: 'run_not_found' } },
      });
    });

    it('cancels a wait, and the run goes on', async () => {
      client = await connect(`${cluster.url}/mcp`);
      const args = newRun(3_000);
      const abort = new AbortController();

      const call = client.call('run_model', args, { onProgress: () => abort.abort(), signal: abort.signal });

      await expect(call).rejects.toThrow();
      const request = {
        tool: 'get_run',
        args: { client_ref: args.client_ref, wait_seconds: 20 },
        timeoutMs: 30_000,
      };
      expect(runOf(await callTool(cluster.url, request))?.status).toBe('succeeded');
    });

    it('gets its run after the replica that served it was killed', async () => {
      client = await connect(`${cluster.url}/mcp`);
      const args = newRun(4_000);
      const { promise: started, resolve } = Promise.withResolvers<void>();
      const abort = new AbortController();
      const hooks = { onProgress: () => resolve(), signal: abort.signal };
      const broken = client.call('run_model', args, hooks).catch(() => undefined);
      await started;

      for (const gateway of cluster.of('mcp-gateway')) gateway.kill('SIGKILL');
      await vi.waitFor(() => expect(cluster.of('mcp-gateway').some(({ isReady }) => isReady)).toBe(false));
      await cluster.ready(30_000);
      // Clients of the older protocol do not notice a broken stream: they would wait for their own time-out.
      abort.abort();
      await broken;
      const answer = await client.call('run_model', args);

      expect(runFieldsOf(answer).status).toBe('succeeded');
      expect(upstream.submissions().get(String(runFieldsOf(answer).run_id))).toBe(1);
    }, 90_000);
  },
);

describe.each(['SDK v2, legacy', 'SDK v1', 'mcp-remote'])('%s', (kind) => {
  it('gets the answer of the call itself after the replica that served it was killed', async () => {
    client = await clientKinds[kind]?.(`${cluster.url}/mcp`);
    const args = newRun(8_000);
    const steps: number[] = [];
    const { promise: isStarted, resolve } = Promise.withResolvers<void>();
    const answer = client?.call('run_model', args, {
      onProgress(step) {
        steps.push(step);
        resolve();
      },
    });
    await isStarted;

    // One after the other: whichever serves it is killed while another one can go on.
    for (const gateway of cluster.of('mcp-gateway')) {
      gateway.kill('SIGKILL');
      await vi.waitFor(() => expect(gateway.isReady).toBe(false));
      await cluster.ready(30_000);
    }
    const { status, run_id: runId } = runFieldsOf((await answer) ?? {});
    expect(status).toBe('succeeded');
    expect(upstream.submissions().get(String(runId))).toBe(1);
    expect(steps).toEqual([...new Set(steps)].sort((a, b) => a - b));
  }, 90_000);
});

describe('the inspector on the command line', () => {
  it('lists the tools', async () => {
    const { code, output } = await inspect(`${cluster.url}/mcp`, ['--method', 'tools/list']);

    expect(code).toBe(0);
    expect(JSON.parse(output).tools).toHaveLength(listedByDefault.length);
  });

  it('calls a tool', async () => {
    const args = ['--method', 'tools/call', '--tool-name', 'search_models', '--tool-arg', 'query=scripted'];
    const { code, output } = await inspect(`${cluster.url}/mcp`, args);

    expect(code).toBe(0);
    expect(JSON.parse(output).structuredContent.items[0].model).toBe('scripted/job');
  });

  it('tells a tool that failed by its exit code', async () => {
    const args = ['--method', 'tools/call', '--tool-name', 'get_run', '--tool-arg', 'run_id=run_unknown'];

    expect((await inspect(`${cluster.url}/mcp`, args)).code).toBe(5);
  });

  it('finds the view of a run and what it may load (SEP-1865)', async () => {
    const args = ['--method', 'tools/list', '--app-info', '--advertise-apps'];
    const { code, output } = await inspect(`${cluster.url}/mcp`, args);

    expect({ code, output }).toMatchObject({ code: 0, output: expect.stringContaining(runViewUri) });
    expect(output).toContain(`"resourceDomains"`);
  });

  it('reads every file of every skill and finds it to be what was listed (SEP-2640)', async () => {
    const args = ['--method', 'skills/list', '--verify', '--require-digests'];
    const { code, output } = await inspect(`${cluster.url}/mcp`, args);

    expect({ code, output }).toMatchObject({ code: 0, output: expect.stringContaining('run-models') });
  });
});

interface CurlResult {
  serverInfo: { name: string };
  instructions: string;
  content: { text: string }[];
  structuredContent: { items: unknown[] };
}

async function resultOf(response: Response): Promise<CurlResult> {
  // as: what the two calls of the smoke test answer with.
  const { result } = (await response.json()) as { result: CurlResult };
  return result;
}

describe('curl', () => {
  const headers = { 'content-type': 'application/json' };

  it('initializes without an Accept header and reads serverInfo and instructions', async () => {
    const params = {
      protocolVersion: '2025-06-18',
      capabilities: {},
      clientInfo: { name: 'curl', version: '0' },
    };
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params });
    const response = await fetch(`${cluster.url}/mcp`, { method: 'POST', headers, body });
    const result = await resultOf(response);

    expect(response.headers.get('content-type')).toMatch('application/json');
    expect(result.serverInfo.name).toBe('inferry');
    expect(result.instructions.length).toBeGreaterThan(100);
  });

  it('calls a tool without initialize and without a session [X13]', async () => {
    const params = { name: 'search_models', arguments: { category: 'text', limit: 20 } };
    const body = JSON.stringify({ jsonrpc: '2.0', id: 2, method: 'tools/call', params });
    const result = await resultOf(await fetch(`${cluster.url}/`, { method: 'POST', headers, body }));

    expect(result.content[0]?.text).toContain('scripted/job');
    expect(result.structuredContent.items.length).toBeGreaterThan(0);
  });
});
