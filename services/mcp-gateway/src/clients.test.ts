import { once } from 'node:events';
import { AppError, getRun, searchModels } from '@inferry/contracts';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as OldTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { serveTool, startTestGateway, type TestGateway } from './test-gateway.ts';

let gateway: TestGateway;
let aborted = 0;
beforeEach(async () => {
  aborted = 0;
  gateway = await startTestGateway({
    serve(services) {
      serveTool(services, searchModels, async ({ query }) => {
        if (query === 'fail') throw new AppError('catalog_fetch_failed', 'The catalog cannot be reached.');
        return { items: [{ model: 'local/flux' }] };
      });
      services.serve(getRun, async ({ run_id: runId = '' }, { progress, signal }) => {
        progress({ progress: 0.2, message: 'one' });
        progress({ progress: 0.4, message: 'two' });
        if (runId === 'run_long') {
          await once(signal, 'abort');
          aborted += 1;
          throw new AppError('cancelled', 'The caller is gone.');
        }
        return { run: { run_id: runId, status: 'succeeded' } };
      });
    },
  });
});
afterEach(() => gateway.close());

interface ConnectedClient {
  client: Client | OldClient;
  close(): Promise<void>;
}

const info = { name: 'test-client', version: '1.0.0' };

const kinds = {
  'SDK v2, pinned to 2026-07-28': () => connectNew({ mode: { pin: '2026-07-28' } }),
  'SDK v2, choosing the era itself': () => connectNew({ mode: 'auto' }),
  'SDK v2, legacy': () => connectNew({ mode: 'legacy' }),
  'SDK v1': connectOld,
} satisfies Record<string, () => Promise<ConnectedClient>>;

async function connectNew(versionNegotiation: {
  mode: 'auto' | 'legacy' | { pin: string };
}): Promise<ConnectedClient> {
  const client = new Client(info, { versionNegotiation });
  await client.connect(new StreamableHTTPClientTransport(new URL(gateway.url)));
  return { client, close: () => client.close() };
}

async function connectOld(): Promise<ConnectedClient> {
  const client = new OldClient(info);
  // as: the SDK's own transport; its optional fields are typed without `undefined`.
  await client.connect(new OldTransport(new URL(gateway.url)) as Parameters<OldClient['connect']>[0]);
  return { client, close: () => client.close() };
}

/** The two generations type their calls apart; what tests use of them is alike. */
interface AnyClient {
  listTools(): Promise<{ tools: { name: string }[] }>;
  getInstructions(): string | undefined;
}

describe.each(Object.entries(kinds))('a client (%s)', (_kind, connect) => {
  async function withClient<T>(run: (client: AnyClient & Caller) => Promise<T>): Promise<T> {
    const { client, close } = await connect();
    try {
      return await run({
        listTools: () => client.listTools(),
        getInstructions: () => client.getInstructions(),
        callTool: (name, args, options) => callTool(client, { name, arguments: args }, options),
      });
    } finally {
      await close();
    }
  }

  test('connects and lists the tools [MR-04][RF-02]', async () => {
    await withClient(async (client) => {
      const { tools } = await client.listTools();

      expect(tools).toHaveLength(11);
      expect(client.getInstructions()).toContain('search_models');
    });
  });

  test('calls a tool', async () => {
    await withClient(async (client) => {
      await client.listTools();

      const result = await client.callTool('search_models', {});

      expect(result.structuredContent).toEqual({ items: [{ model: 'local/flux' }] });
    });
  });

  test('reads the error of a call whose output schema it checks [X6]', async () => {
    await withClient(async (client) => {
      await client.listTools();

      const result = await client.callTool('search_models', { query: 'fail' });

      expect(result.isError).toBe(true);
      expect(result.structuredContent).toMatchObject({ error: { code: 'catalog_fetch_failed' } });
    });
  });

  test('follows the progress of a call', async () => {
    await withClient(async (client) => {
      const seen: string[] = [];

      await client.callTool(
        'get_run',
        { run_id: 'run_1' },
        { onprogress: ({ message }) => seen.push(message ?? '') },
      );

      expect(seen).toEqual(['one', 'two']);
    });
  });

  test('cancels a call', async () => {
    await withClient(async (client) => {
      const abort = new AbortController();
      const call = client.callTool(
        'get_run',
        { run_id: 'run_long' },
        { signal: abort.signal, onprogress: () => abort.abort() },
      );

      await expect(call).rejects.toThrow();

      await vi.waitFor(() => expect(aborted).toBe(1));
    });
  });
});

interface CallOptions {
  signal?: AbortSignal;
  onprogress?: (progress: { message?: string | undefined }) => void;
}

type CallResult = Partial<Record<'isError' | 'structuredContent', unknown>>;

interface Caller {
  callTool(name: string, args: Record<string, unknown>, options?: CallOptions): Promise<CallResult>;
}

async function callTool(
  client: Client | OldClient,
  params: { name: string; arguments: Record<string, unknown> },
  options: CallOptions = {},
): Promise<CallResult> {
  // as: both results have these two fields, as optional ones; the types of the rest do not meet.
  return client instanceof OldClient
    ? ((await client.callTool(params, undefined, options)) as CallResult)
    : ((await client.callTool(params, options)) as CallResult);
}
