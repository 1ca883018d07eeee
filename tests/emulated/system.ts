import { createBus, createInProcessTransport } from '@inferry/bus';
import { openCredential, prepareRun, releaseCredential } from '@inferry/contracts';
import { openDatabase } from '@inferry/database';
import { createInferenceService } from '@inferry/inference-poller';
import { createInProcessLimits } from '@inferry/limits';
import { createGatewayService, parseGatewayConfig } from '@inferry/mcp-gateway';
import type { Provider } from '@inferry/providers';
import { createHttpApp, createLogger, portOf } from '@inferry/runtime';

/** An upstream whose every run takes so long. */
export interface SlowPlatform {
  provider: Provider;
  /** How often each run was submitted. */
  submissions: Map<string, number>;
}

export function createSlowPlatform(durationMs: number): SlowPlatform {
  const submissions = new Map<string, number>();
  const acceptedAt = new Map<string, number>();
  const provider: Provider = {
    slug: 'slow',
    title: 'Slow platform',
    capabilities: {
      cancel: 'real',
      progress: 'percent',
      jobs: 'remote',
      watch: false,
      recover: true,
      inputUrls: 'public',
    },
    ready: () => ({ isReady: true }),
    listModels: async () => 'unchanged',
    quote: () => ({ currency: 'USD', exact: false, unpriced_inputs: [], basis: 'unknown' }),
    async submit({ runId }) {
      submissions.set(runId, (submissions.get(runId) ?? 0) + 1);
      acceptedAt.set(runId, Date.now());
      return { handle: { id: runId }, view: { status: 'running', upstreamStatus: 'RUNNING' } };
    },
    async poll({ id }) {
      const progress = (Date.now() - (acceptedAt.get(String(id)) ?? 0)) / durationMs;
      if (progress < 1) return { status: 'running', upstreamStatus: 'RUNNING', progress };
      return {
        status: 'succeeded',
        upstreamStatus: 'DONE',
        outputs: [{ kind: 'text', contentType: 'text/plain', text: `output of ${String(id)}` }],
        charged: { amount: 0.07, currency: 'USD' },
      };
    },
    cancel: async () => 'confirmed',
    recover: async ({ runId }) =>
      submissions.has(runId) ? { outcome: 'found', handle: { id: runId } } : { outcome: 'absent' },
    close: async () => undefined,
  };
  return { provider, submissions };
}

export interface EmulatedSystem {
  /** Of each gateway. */
  urls: string[];
  close(): Promise<void>;
}

/** Two gateways on real sockets and one poller, all by the clock of this process. */
export async function startEmulatedSystem(platform: SlowPlatform): Promise<EmulatedSystem> {
  const transport = createInProcessTransport();
  const log = createLogger({ service: 'emulated', replica: 'test', level: 'silent' });
  const database = openDatabase({ url: 'sqlite::memory:' });
  await database.migrate();
  const catalog = createBus(transport, { name: 'catalog' });
  catalog.serve(prepareRun, async ({ model, input }) => ({
    model,
    provider: 'slow',
    native_id: 'model',
    kind: 'model',
    input,
    file_fields: [],
    quote: { currency: 'USD', max: 0.1, exact: true, unpriced_inputs: [], basis: 'per_request' },
    problems: [],
  }));
  const auth = createBus(transport, { name: 'auth' });
  // The platform asks for no key.
  auth.serve(openCredential, async () => ({ credential: null }));
  auth.serve(releaseCredential, async () => ({ released: false }));
  const pollerBus = createBus(transport, { name: 'inference-poller' });
  const poller = await createInferenceService(
    { bus: pollerBus, database, limits: createInProcessLimits(), log, replica: 'poller' },
    { providers: [platform.provider] },
  );
  const gateways = await Promise.all([startGateway(), startGateway()]);

  async function startGateway(): Promise<{ url: string; close(): Promise<void> }> {
    const bus = createBus(transport, { name: 'mcp-gateway' });
    const limits = createInProcessLimits();
    const config = parseGatewayConfig({ INFERRY_AUTH: 'none', MCP_SURFACES: '' });
    const service = await createGatewayService({ bus, limits, log }, config);
    const app = await createHttpApp([service]);
    await app.listen({ host: '127.0.0.1', port: 0 });
    return {
      url: `http://127.0.0.1:${portOf(app)}/mcp`,
      async close() {
        app.server.closeAllConnections();
        await app.close();
        await service.close();
        await bus.close();
      },
    };
  }

  return {
    urls: gateways.map(({ url }) => url),
    async close() {
      await Promise.all(gateways.map((gateway) => gateway.close()));
      await poller.close();
      await Promise.all([pollerBus.close(), catalog.close(), auth.close()]);
      await database.close();
    },
  };
}
