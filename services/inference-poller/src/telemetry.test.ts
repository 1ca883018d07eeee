import { context, metrics, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { succeeded } from './testing/platform.ts';
import { createWorld, type World } from './testing/world.ts';

const spans = new InMemorySpanExporter();
const measured = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
let reader: PeriodicExportingMetricReader;
let world: World;

beforeEach(async () => {
  reader = new PeriodicExportingMetricReader({ exporter: measured });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  const spanProcessors = [new SimpleSpanProcessor({ exporter: spans })];
  trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors }));
  metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));
  world = await createWorld();
  await world.addReplica();
  world.platform.endsAs = succeeded();
});

afterEach(async () => {
  await world.close();
  await reader.shutdown();
  spans.reset();
  context.disable();
  propagation.disable();
  trace.disable();
  metrics.disable();
});

describe('telemetry', () => {
  it('shows submit, polls and cost in the trace of whoever started the run', async () => {
    const caller = trace.getTracer('test').startSpan('caller');
    const { run } = await context.with(trace.setSpan(context.active(), caller), () => world.run());
    caller.end();

    const named = (name: string) => spans.getFinishedSpans().find((span) => span.name === name);
    await vi.waitFor(() => expect(named('run end')).toBeDefined());
    for (const name of ['run submit', 'run poll', 'run end']) {
      expect(named(name)?.spanContext().traceId).toBe(caller.spanContext().traceId);
      expect(named(name)?.attributes).toMatchObject({
        'gen_ai.provider.name': 'scripted',
        'gen_ai.request.model': 'scripted/model',
        'inferry.run.id': run?.run_id,
      });
    }
    expect(named('run end')?.attributes).toMatchObject({
      'inferry.run.cost': 0.07,
      'inferry.run.status': 'succeeded',
    });
  });

  it('measures the time and the cost of runs', async () => {
    await world.run();
    await reader.forceFlush();

    const names = measured
      .getMetrics()
      .flatMap(({ scopeMetrics }) => scopeMetrics)
      .flatMap((scope) => scope.metrics)
      .map(({ descriptor }) => descriptor.name);
    expect(names).toEqual(expect.arrayContaining(['inferry.run.duration', 'inferry.run.cost']));
  });
});
