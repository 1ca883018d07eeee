import { createBus } from '@inferry/bus';
import {
  type MonthStep,
  openCatalogWorld,
  ScriptedCatalogProvider,
  upstreamMonth,
} from '@inferry/catalog/testing';
import { createGatewayService, parseGatewayConfig } from '@inferry/mcp-gateway';
import type { ProviderModel } from '@inferry/providers';
import { createHttpApp, createLogger, portOf } from '@inferry/runtime';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';

const quick = { syncIntervalMs: 40, rereadMs: 1_000 };
/** What a platform wants, not what goes wrong with it. */
const wanted = new Set(['schema', 'price', 'deletion', 'addition', 'rename', 'flap', 'offline']);
const waitMs = 15_000;

let world: Awaited<ReturnType<typeof openCatalogWorld>>;
let gateway: Awaited<ReturnType<typeof startGateway>>;

beforeEach(async () => {
  world = await openCatalogWorld();
});
afterEach(async () => {
  await gateway.close();
  await world.close();
});

async function startGateway() {
  const bus = createBus(world.transport, { name: 'mcp-gateway' });
  const log = createLogger({ service: 'mcp-gateway', replica: 'test', level: 'silent' });
  const config = parseGatewayConfig({ INFERRY_AUTH: 'none', MCP_SURFACES: 'catalog' });
  const service = await createGatewayService({ bus, limits: world.limits, log }, config);
  const app = await createHttpApp([service]);
  await app.listen({ host: '127.0.0.1', port: 0 });
  return {
    url: new URL(`http://127.0.0.1:${portOf(app)}/mcp`),
    async close() {
      app.server.closeAllConnections();
      await app.close();
      await service.close();
    },
  };
}

/** Everything is a packaged workflow here, so that each has a prompt. */
function toSolutions(list: readonly unknown[]): ProviderModel[] {
  // as: only steps without malformed entries are taken.
  return list.map((model) => ({ ...(model as ProviderModel), kind: 'solution' }));
}

/** A client that knows of changes only what it is told. */
async function connect(uris: string[]) {
  const client = new Client(
    { name: 'listener', version: '1.0.0' },
    {
      versionNegotiation: { mode: { pin: '2026-07-28' } },
      listChanged: {
        prompts: {
          autoRefresh: true,
          debounceMs: 0,
          onChanged: (_error, items) => {
            if (items !== null && items !== undefined) known.prompts = titlesOf(items);
          },
        },
      },
    },
  );
  const known = { prompts: [] as string[], schemas: new Map<string, string>() };
  const read = async (uri: string) => {
    const text = await readSchema(client, uri);
    known.schemas.set(uri, text);
  };
  client.setNotificationHandler('notifications/resources/updated', ({ params }) => {
    void read(params.uri);
  });
  await client.connect(new StreamableHTTPClientTransport(gateway.url));
  await client.listen({ resourceSubscriptions: uris });
  for (const uri of uris) await read(uri);
  known.prompts = titlesOf((await client.listPrompts()).prompts);
  return { client, known };
}

function titlesOf(prompts: readonly { title?: string | undefined }[]): string[] {
  return prompts.map(({ title = '' }) => title).sort();
}

async function readSchema(client: Client, uri: string): Promise<string> {
  try {
    const { contents } = await client.readResource({ uri });
    const [only] = contents;
    return only !== undefined && 'text' in only ? only.text : '';
  } catch {
    // It is gone, which is what the client knows of it then.
    return 'gone';
  }
}

function apply(
  providers: readonly ScriptedCatalogProvider[],
  { provider: slug, list = [] }: MonthStep,
): void {
  const provider = providers.find((each) => each.slug === slug);
  if (provider !== undefined) provider.models = toSolutions(list);
}

it('a client that listens (SDK v2) has the prompts and schemas of the catalog after every change upstream [RF-45]', {
  timeout: 180_000,
}, async () => {
  const month = upstreamMonth(7);
  const providers = [...month.start].map(
    ([slug, models]) => new ScriptedCatalogProvider({ slug, models: toSolutions(models) }),
  );
  await world.startReplica(providers, quick);
  gateway = await startGateway();
  const followed = providers.flatMap(({ slug, models }) =>
    models.slice(0, 8).map(({ nativeId }) => `inferry://models/${slug}/${nativeId}/schema`),
  );
  const fresh = new Client({ name: 'fresh', version: '1.0.0' });
  await fresh.connect(new StreamableHTTPClientTransport(gateway.url));
  await vi.waitFor(
    async () => expect((await fresh.listPrompts()).prompts).toHaveLength(liveTitles(providers).length),
    waitMs,
  );
  const { client, known } = await connect(followed);

  for (const step of month.steps.filter(({ kind }) => wanted.has(kind)).slice(0, 40)) {
    apply(providers, step);

    await vi.waitFor(() => expect(known.prompts).toEqual(liveTitles(providers)), waitMs);
    await vi.waitFor(async () => {
      for (const uri of followed) expect(known.schemas.get(uri)).toBe(await readSchema(fresh, uri));
    }, waitMs);
  }

  expect([...known.schemas.values()].some((text) => text.includes('field_'))).toBe(true);
  await Promise.all([client.close(), fresh.close()]);
});

function liveTitles(providers: readonly ScriptedCatalogProvider[]): string[] {
  return providers
    .flatMap(({ models }) => models.filter(({ isLive }) => isLive).map(({ title }) => title))
    .sort();
}
