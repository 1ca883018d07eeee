/** The built images on an engine: what clients do with them, and what happens when containers go away under them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { serviceNames } from '@inferry/runtime';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as OldTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CallOutcome, callTool, errorOf, runOf } from '../integration/support/mcp-http.ts';
import { type ContainerSystem, currentVersion, imageBytes, startContainers } from './system.ts';

/** The short form is what `npm test` runs. */
const isShort = process.env.CONTAINERS_SHORT === '1';
const runsAtOnce = isShort ? 6 : 30;
const ends = new Set(['succeeded', 'failed', 'cancelled', 'expired']);

let system: ContainerSystem;
let lastTag = 0;
beforeAll(async () => {
  system = await startContainers({ version: process.env.INFERRY_FROM || currentVersion, replicas: 2 });
}, 1_200_000);
afterAll(async () => {
  if (system !== undefined) console.log(JSON.stringify({ replicas: 2, milliseconds: system.timings }));
  await system?.stop();
}, 300_000);

const info = { name: 'containers', version: '1.0.0' };
const headers = () => ({ headers: { authorization: `Bearer ${system.key}` } });
const clients = {
  async 'SDK v2'() {
    const client = new Client(info);
    const options = { requestInit: headers() };
    await client.connect(new StreamableHTTPClientTransport(new URL(`${system.url}/mcp`), options));
    return client;
  },
  async 'SDK v1'() {
    const client = new OldClient(info);
    const transport = new OldTransport(new URL(`${system.url}/mcp`), { requestInit: headers() });
    // as: the SDK's own transport; its optional fields are typed without `undefined`.
    await client.connect(transport as Parameters<OldClient['connect']>[0]);
    return client;
  },
};

function ask(tool: string, args: Record<string, unknown>): Promise<CallOutcome> {
  return callTool(system.url, { tool, args, timeoutMs: 120_000, key: system.key });
}

/** A run of a job that takes so long at the platform, asked for until it has ended. */
async function runToEnd(tag: string, runMs: number): Promise<string> {
  const script = { tag, answer: 'well', acceptMs: 10, listLagMs: 0, runMs, outcome: 'succeeded', cost: 0.01 };
  const input = { prompt: JSON.stringify(script) };
  for (;;) {
    const outcome = await ask('run_model', {
      ...{ model: 'acme/writer', input, client_ref: tag, wait_seconds: 20 },
    });
    const run = runOf(outcome);
    if (run !== undefined && ends.has(run.status)) return run.status;
    if (run === undefined && outcome.status === 200)
      expect(['unavailable', 'busy', 'rate_limited']).toContain(errorOf(outcome)?.code);
    await sleep(200);
  }
}

/**
 * Runs that are under way at the platform while something happens; how each ended. Whoever submitted them has heard that they are
 * taken: this platform cannot be asked, so that an answer which dies with its poller is rightly `submit_unknown`.
 */
async function runsWhile(what: () => Promise<unknown>): Promise<string[]> {
  const first = lastTag;
  const tags = Array.from({ length: runsAtOnce }, () => `t${++lastTag}`);
  const ended = Promise.all(tags.map((tag, place) => runToEnd(tag, 5_000 + (place % 5) * 800)));
  ended.catch(() => undefined);
  const isTold = ({ tag, wasTold }: { tag: string; wasTold: boolean }) =>
    wasTold && Number(tag.slice(1)) > first;
  await expect.poll(() => system.platform.submissions.filter(isTold).length).toBe(runsAtOnce);
  await what();
  const statuses = await ended;
  const taken = system.platform.submissions.filter(({ jobId }) => jobId !== undefined);
  const times = tags.map((tag) => taken.filter((job) => job.tag === tag).length);
  expect(times).toEqual(tags.map(() => 1));
  return statuses;
}

describe('the built images', () => {
  it.each(serviceNames.filter((name) => name !== 'inference-poller'))(
    'are small where they hold no models: %s',
    async (name) => {
      expect(await imageBytes(name)).toBeLessThan(150_000_000);
    },
  );

  it.each(Object.entries(clients))(
    'serve %s: a search, a run on their own processor, its file',
    async (_kind, connect) => {
      const client = await connect();

      const { tools } = await client.listTools();
      const call = {
        name: 'run_model',
        arguments: { model: 'local/speech', input: { text: 'Hello.' }, wait_seconds: 60 },
      };
      const { structuredContent } = await client.callTool(call);

      expect(tools.length).toBe(11);
      expect(structuredContent).toMatchObject({ run: { status: 'succeeded' } });
      // as: the `run` object of docs/tools.md.
      const { run } = structuredContent as { run: { outputs: { url: string }[] } };
      const file = await fetch(run.outputs[0]?.url ?? '');
      expect(file.headers.get('content-type')).toBe('audio/wav');
      expect((await file.arrayBuffer()).byteLength).toBeGreaterThan(1_000);
      await client.close();
    },
  );

  it('take a file that a client uploads by the address that it was given', async () => {
    const { structured } = await ask('create_upload', { file_name: 'note.txt', size: 5 });
    // as: the result of create_upload in docs/tools.md.
    const { upload_url: url, headers: sent } = structured as {
      upload_url: string;
      headers: Record<string, string>;
    };
    const stored = await fetch(url, { method: 'PUT', body: 'hello', headers: sent });

    expect(stored.status).toBeLessThan(300);
  });

  it('send a run to a platform once, and wait for it', async () => {
    expect(await runsWhile(async () => undefined)).toEqual(
      Array.from({ length: runsAtOnce }, () => 'succeeded'),
    );
  });
});

describe('a container that is killed under runs', () => {
  const victims = isShort
    ? ['inference-poller', 'nats']
    : ['inference-poller', 'mcp-gateway', 'auth', 'catalog', 'upload', 'nats', 'redis', 'postgres'];
  it.each(victims)('loses none and sends none twice when it is %s', async (victim) => {
    const statuses = await runsWhile(() => system.crash(victim));

    expect(statuses).toEqual(statuses.map(() => 'succeeded'));
  });
});

describe('an update', () => {
  it('replaces one replica after the other under load: every run ends, and no call is refused for good', async () => {
    const end = new AbortController();
    const outcomes: CallOutcome[] = [];
    const calling = (async () => {
      while (!end.signal.aborted) {
        outcomes.push(await ask('list_runs', { limit: 1 }));
        await sleep(100);
      }
    })();
    const services = isShort
      ? ['mcp-gateway']
      : ['auth', 'catalog', 'upload', 'compute', 'inference-poller', 'mcp-gateway'];

    const statuses = await runsWhile(async () => {
      for (const service of services) {
        await system.replaceOne(service);
        await system.replaceOne(service);
      }
    });
    end.abort();
    await calling;

    expect(statuses).toEqual(statuses.map(() => 'succeeded'));
    const failed = outcomes.filter(({ isError }) => isError);
    console.log(JSON.stringify({ update: { calls: outcomes.length, failed: failed.length } }));
    // A connection that a replica closes as it goes is asked for once more by any client.
    expect(failed.filter(({ status }) => status !== 0 && status !== 502)).toEqual([]);
  });
});
