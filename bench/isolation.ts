import { startCluster } from '@inferry/cli';
import { waitFor } from '@inferry/testing';
import {
  type Emulators,
  emulatorDefinitions,
  emulatorVariables,
  type RouteKind,
  type Scenario,
  startEmulators,
} from '@inferry/testing/emulators';
import { type BenchOptions, type BenchResult, percentile, round } from './report.ts';

/** The platform that is in trouble, and a model of it. */
const troubled = 'fal';
const troubledCall = { model: 'fal/fal-ai/flux/schnell', input: { prompt: 'a lighthouse' }, wait_seconds: 0 };
const everyCall: RouteKind[] = [
  'submit',
  'status',
  'result',
  'catalog',
  'describe',
  'probe',
  'balance',
  'cancel',
];

/** What may be wrong with one platform. */
const troubles: Readonly<Record<string, Scenario>> = {
  healthy: {},
  down: { on: everyCall, dropBeforeAccept: true },
  slow: { on: everyCall, delayMs: 30_000 },
  lying: { on: everyCall, hostile: 'types' },
  endless: { on: everyCall, hostile: 'size' },
};

/** Calls that have nothing to do with it. */
const calls: Readonly<Record<string, { tool: string; args: Record<string, unknown> }>> = {
  search_models: { tool: 'search_models', args: { query: 'image', limit: 10 } },
  get_model: { tool: 'get_model', args: { model: 'local/summarize' } },
  run_model: {
    tool: 'run_model',
    args: { model: 'local/detect-language', input: { text: 'Guten Morgen' }, wait_seconds: 20 },
  },
};

interface Times {
  p50_ms: number;
  p95_ms: number;
}

/**
 * Whether tools over other providers keep their latency while one platform is down, slow or lying and runs are sent to it all
 * the time: on one replica of everything, so that every call meets the one that deals with the troubled platform.
 */
export async function isolation({ isQuick }: BenchOptions): Promise<BenchResult> {
  const rounds = isQuick ? 20 : 60;
  const emulators = await startEmulators({ definitions: emulatorDefinitions, now: Date.now });
  const cluster = await startCluster({
    replicas: 1,
    port: 0,
    auth: 'none',
    env: {
      ...process.env,
      LOG_LEVEL: 'fatal',
      PROVIDERS: `local,${troubled}`,
      ...emulatorVariables(emulators),
    },
    onLine: () => undefined,
  });
  try {
    await cluster.ready(90_000);
    const call = (tool: string, args: Record<string, unknown>) => callTool(cluster.url, tool, args);
    for (const model of [troubledCall.model, 'local/detect-language']) {
      await waitFor(async () => (await call('get_model', { model })) || undefined, {
        what: `${model} to be listed`,
        timeoutMs: 60_000,
      });
    }
    const figures: Record<string, Record<string, Times>> = {};
    for (const [name, scenario] of Object.entries(troubles)) {
      figures[name] = await measure({ call, emulators, scenario, rounds });
    }
    const ratios = toRatios(figures);
    return {
      figures: { ratios, latencies: figures },
      lines: [
        ...Object.entries(figures).map(([name, of]) => `${name}: ${JSON.stringify(of)}`),
        `p50 beside a healthy platform: ${JSON.stringify(ratios)} (aim: at most 1.5)`,
      ],
    };
  } finally {
    await cluster.stop();
    await emulators.close();
  }
}

type Call = (tool: string, args: Record<string, unknown>) => Promise<boolean>;

async function measure({
  call,
  emulators,
  scenario,
  rounds,
}: {
  call: Call;
  emulators: Emulators;
  scenario: Scenario;
  rounds: number;
}): Promise<Record<string, Times>> {
  emulators.of(troubled).reset();
  emulators.of(troubled).script(scenario);
  const times: Record<string, number[]> = Object.fromEntries(Object.keys(calls).map((name) => [name, []]));
  for (let index = 0; index < rounds; index += 1) {
    // Twenty runs are on their way to the troubled platform before anything is measured, and one more each round.
    const started = Array.from({ length: index === 0 ? 20 : 1 }, () => call('run_model', troubledCall));
    for (const [name, { tool, args }] of Object.entries(calls)) {
      const startedAt = performance.now();
      if (!(await call(tool, args))) throw new Error(`${name} failed`);
      times[name]?.push(performance.now() - startedAt);
    }
    await Promise.allSettled(started);
  }
  emulators.of(troubled).reset();
  return Object.fromEntries(
    Object.entries(times).map(([name, list]) => [
      name,
      { p50_ms: round(percentile(list, 0.5), 1), p95_ms: round(percentile(list, 0.95), 1) },
    ]),
  );
}

function toRatios(figures: Record<string, Record<string, Times>>): Record<string, Record<string, number>> {
  const { healthy = {}, ...others } = figures;
  return Object.fromEntries(
    Object.entries(others).map(([name, of]) => [
      name,
      Object.fromEntries(
        Object.entries(of).map(([tool, { p50_ms: ms }]) => [tool, round(ms / (healthy[tool]?.p50_ms ?? 1))]),
      ),
    ]),
  );
}

/** Whether it succeeded; a connection that breaks rejects. */
async function callTool(url: string, name: string, args: Record<string, unknown>): Promise<boolean> {
  const response = await fetch(`${url}/mcp`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: args } }),
    signal: AbortSignal.timeout(60_000),
  });
  // as: every answer of ours is a JSON-RPC message.
  const { result } = (await response.json()) as { result?: { isError?: boolean } };
  return result !== undefined && result.isError !== true;
}
