import type { Cluster } from '@inferry/cli';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { callTool, runOf } from './support/mcp-http.ts';
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from './support/otlp-receiver.ts';
import { type ScriptedCluster, startScriptedCluster } from './support/scripted-cluster.ts';

let scripted: ScriptedCluster;
let receiver: OtlpReceiver;
let cluster: Cluster;

beforeAll(async () => {
  receiver = await startOtlpReceiver();
  scripted = await startScriptedCluster({
    replicas: 1,
    auth: 'none',
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_BSP_SCHEDULE_DELAY: '200',
      OTEL_METRICS_EXPORTER: 'otlp',
      OTEL_METRIC_EXPORT_INTERVAL: '500',
      OTEL_METRIC_EXPORT_TIMEOUT: '400',
    },
  });
  ({ cluster } = scripted);
}, 120_000);

afterAll(async () => {
  await scripted?.stop();
  receiver?.close();
}, 60_000);

it('shows one run_model as one connected trace across gateway, services, database and upstream', async () => {
  const outcome = await callTool(cluster.url, {
    tool: 'run_model',
    args: { model: 'scripted/job', input: { duration_ms: 300 }, wait_seconds: 20 },
    timeoutMs: 30_000,
  });
  expect(runOf(outcome)?.status).toBe('succeeded');

  const trace = await vi.waitFor(
    () => {
      const found = traceOf('run_model');
      const services = new Set(found.map((span) => span.service));
      expect(services).toEqual(
        new Set(['inferry-auth', 'inferry-mcp-gateway', 'inferry-inference-poller', 'inferry-catalog']),
      );
      expect(found.some((span) => span.name.includes('submit'))).toBe(true);
      expect(found.some((span) => 'db.system.name' in span.attributes)).toBe(true);
      return found;
    },
    { timeout: 20_000, interval: 200 },
  );

  const ids = new Set(trace.map((span) => span.spanId));
  const roots = trace.filter((span) => span.parentSpanId === undefined);
  const orphans = trace.filter((span) => span.parentSpanId !== undefined && !ids.has(span.parentSpanId));
  expect(roots).toHaveLength(1);
  expect(orphans).toEqual([]);
});

it('exports metrics', async () => {
  await vi.waitFor(() => expect(receiver.metricNames.size).toBeGreaterThan(0), { timeout: 10_000 });
});

/** Every span of the trace whose root is the gateway's span of a call of this tool. */
function traceOf(tool: string): ReceivedSpan[] {
  const root = receiver.spans.find(
    (span) => span.parentSpanId === undefined && Object.values(span.attributes).includes(tool),
  );
  return receiver.spans.filter((span) => span.traceId === root?.traceId);
}
