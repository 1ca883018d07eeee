import { getRun, searchModels } from '@inferry/contracts';
import {
  context,
  createNoopMeter,
  type Histogram,
  metrics,
  propagation,
  SpanKind,
  trace,
} from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { callOf, post, rpc, serveTool, startTestGateway, type TestGateway } from './test-gateway.ts';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const traceparent = `00-${traceId}-b7ad6b7169203331-01`;

const spans = new InMemorySpanExporter();
const measured = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
let reader: PeriodicExportingMetricReader;
let gateway: TestGateway;
let servedIn: string | undefined;

beforeEach(async () => {
  reader = new PeriodicExportingMetricReader({ exporter: measured });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  trace.setGlobalTracerProvider(
    new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter: spans })] }),
  );
  metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));
  gateway = await startTestGateway({
    serve: (services) =>
      serveTool(services, searchModels, async () => {
        servedIn = trace.getActiveSpan()?.spanContext().traceId;
        return { items: [] };
      }),
  });
});

afterEach(async () => {
  await gateway.close();
  spans.reset();
  measured.reset();
  for (const api of [context, propagation, trace, metrics]) api.disable();
});

function serverSpan() {
  const found = spans.getFinishedSpans().find(({ kind }) => kind === SpanKind.SERVER);
  if (found === undefined) throw new Error('no server span was recorded');
  return found;
}

describe('a request', () => {
  test('belongs to the trace of its HTTP header, and so does the service that answers it', async () => {
    await post(gateway.url, callOf('search_models'), { traceparent });

    expect(serverSpan().spanContext().traceId).toBe(traceId);
    expect(servedIn).toBe(traceId);
  });

  test('belongs to the trace of its _meta when no header names one (SEP-414)', async () => {
    await post(gateway.url, callOf('search_models', {}, { traceparent }));

    expect(serverSpan().spanContext().traceId).toBe(traceId);
  });

  test('is a span with the attributes of MCP', async () => {
    await post(gateway.url, callOf('search_models'), { 'mcp-protocol-version': '2025-11-25' });

    expect(serverSpan()).toMatchObject({
      name: 'tools/call search_models',
      attributes: {
        'mcp.method.name': 'tools/call',
        'mcp.protocol.version': '2025-11-25',
        'gen_ai.tool.name': 'search_models',
        'jsonrpc.request.id': '1',
      },
    });
  });

  test('that fails is a span with the type of the error', async () => {
    await post(gateway.url, callOf(getRun.name, { run_id: 'run_1' }));

    expect(serverSpan().attributes['error.type']).toBe('unavailable');
  });
});

test('is measured within its span, so that a histogram leads to its trace', async () => {
  const noted: (string | undefined)[] = [];
  const histogram: Histogram = {
    record: (_value, _labels, within = context.active()) =>
      noted.push(trace.getSpan(within)?.spanContext().traceId),
  };
  metrics.disable();
  const none = createNoopMeter();
  metrics.setGlobalMeterProvider({
    getMeter: (name) =>
      name === '@inferry/mcp-gateway'
        ? Object.assign(Object.create(none), { createHistogram: () => histogram })
        : none,
  });
  const watched = await startTestGateway({
    serve: (services) => serveTool(services, searchModels, async () => ({ items: [] })),
  });

  await post(watched.url, callOf('search_models'), { traceparent });
  await post(watched.url, rpc('ping'), { traceparent });

  await watched.close();
  expect(noted).toEqual([traceId, traceId]);
});

test('requests are counted by method and outcome, and a made-up method becomes no label', async () => {
  await post(gateway.url, callOf('search_models'));
  await post(gateway.url, rpc('made/up'));

  await reader.forceFlush();

  const counter = measured
    .getMetrics()
    .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics))
    .find(({ descriptor }) => descriptor.name === 'inferry.gateway.requests');
  expect(counter?.dataPoints.map(({ attributes, value }) => ({ ...attributes, value }))).toEqual([
    {
      'inferry.mount': 'inferry',
      'mcp.method.name': 'tools/call',
      'gen_ai.tool.name': 'search_models',
      outcome: 'ok',
      value: 1,
    },
    { 'mcp.method.name': '_OTHER', outcome: 'method_not_found', value: 1 },
  ]);
});
