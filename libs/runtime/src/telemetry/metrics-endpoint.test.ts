/** What Prometheus reads: names, units and labels by OpenTelemetry's rules for it, on a port of its own. */
import { context, type MeterProvider as Provider, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { TracerProvider } from '@opentelemetry/sdk-trace';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type MetricsEndpoint, openMetricsEndpoint } from './metrics-endpoint.ts';
import { startTelemetry } from './start-telemetry.ts';

let endpoint: MetricsEndpoint;
let provider: MeterProvider;
let noting: Provider;

beforeEach(async () => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  endpoint = await openMetricsEndpoint('127.0.0.1', 0);
  provider = new MeterProvider({ readers: [endpoint.reader] });
  noting = endpoint.noting(provider);
});

afterEach(async () => {
  await provider.shutdown();
  await endpoint.close();
  context.disable();
});

async function scrape(accept = 'text/plain'): Promise<{ type: string | null; text: string }> {
  const response = await fetch(`http://127.0.0.1:${endpoint.port}/metrics`, { headers: { accept } });
  return { type: response.headers.get('content-type'), text: await response.text() };
}

describe('/metrics', () => {
  it('has the unit in a name, _total on what only grows, and labels without dots', async () => {
    const meter = noting.getMeter('test');
    meter
      .createCounter('inferry.run.accepted', { description: 'Runs' })
      .add(2, { 'gen_ai.provider.name': 'a"b' });
    meter.createUpDownCounter('inferry.gateway.open_waits').add(3);
    meter
      .createObservableGauge('process.memory.usage', { unit: 'By' })
      .addCallback((result) => result.observe(9));
    const histogram = meter.createHistogram('inferry.run.duration', {
      unit: 's',
      advice: { explicitBucketBoundaries: [1, 5] },
    });
    for (const value of [0.5, 3, 100]) histogram.record(value);

    const { text } = await scrape();
    expect(text).toContain(
      '# TYPE inferry_run_accepted_total counter\ninferry_run_accepted_total{gen_ai_provider_name="a\\"b"} 2',
    );
    expect(text).toContain('# TYPE inferry_gateway_open_waits gauge\ninferry_gateway_open_waits 3');
    expect(text).toContain('process_memory_usage_bytes 9');
    expect(text).toContain(
      [
        'inferry_run_duration_seconds_bucket{le="1"} 1',
        'inferry_run_duration_seconds_bucket{le="5"} 2',
        'inferry_run_duration_seconds_bucket{le="+Inf"} 3',
        'inferry_run_duration_seconds_sum 103.5',
        'inferry_run_duration_seconds_count 3',
      ].join('\n'),
    );
    expect(text).not.toContain('# EOF');
  });

  it('leads from a slow bucket to the trace that was in it, in the format that can say so', async () => {
    const tracer = new TracerProvider({ spanProcessors: [] }).getTracer('test');
    const histogram = noting.getMeter('test').createHistogram('inferry.run.duration', {
      unit: 's',
      advice: { explicitBucketBoundaries: [1, 5] },
    });
    const span = tracer.startSpan('slow');
    context.with(trace.setSpan(context.active(), span), () => histogram.record(3));
    histogram.record(0.5);

    const { type, text } = await scrape('application/openmetrics-text; version=1.0.0');
    expect(type).toContain('application/openmetrics-text');
    expect(text).toMatch(
      new RegExp(
        `bucket\\{le="5"\\} 2 # \\{trace_id="${span.spanContext().traceId}",span_id="[0-9a-f]{16}"\\} 3 `,
      ),
    );
    expect(text).toMatch(/bucket\{le="1"\} 1\n/);
    expect(text).toMatch(/\n# EOF\n$/);
    expect((await scrape()).text).not.toContain('trace_id');
  });

  it('bounds the series of one metric', async () => {
    const counter = noting.getMeter('test').createCounter('many');
    for (let index = 0; index < 5_000; index += 1) counter.add(1, { index });

    const lines = (await scrape()).text.split('\n').filter((line) => line.startsWith('many_total'));
    expect(lines.length).toBeLessThanOrEqual(2_000);
    expect(lines.join('\n')).toContain('otel_metric_overflow="true"');
  });

  it('answers nothing else', async () => {
    const response = await fetch(`http://127.0.0.1:${endpoint.port}/`);

    expect(response.status).toBe(404);
  });
});

describe('telemetry', () => {
  it('is off without a variable, and says in a sentence when its port is taken', async () => {
    expect(await startTelemetry('test', {})).toMatchObject({ metricsPort: undefined });
    await expect(startTelemetry('test', { METRICS_PORT: String(endpoint.port) })).rejects.toThrow(
      `METRICS_PORT: ${endpoint.port} cannot be opened (EADDRINUSE)`,
    );
  });
});
