/** `/metrics` on a port of its own, which is never the one that clients reach. */
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import {
  type Attributes,
  type Context,
  context,
  type Histogram,
  type Meter,
  type MeterProvider as MeterProviderApi,
  TraceFlags,
  trace,
} from '@opentelemetry/api';
import { MetricReader } from '@opentelemetry/sdk-metrics';
import { ConfigError } from '../config.ts';
import { type Exemplar, toMetricsText } from './open-metrics.ts';

export interface MetricsEndpoint {
  reader: MetricReader;
  port: number;
  /** The provider with every histogram noting exemplars. */
  noting(provider: MeterProviderApi): MeterProviderApi;
  close(): Promise<void>;
}

/** Series of one metric with an exemplar; those that come later have none. */
const maxSeries = 2_000;
const openMetricsType = 'application/openmetrics-text; version=1.0.0; charset=utf-8';
const textType = 'text/plain; version=0.0.4; charset=utf-8';

/** Listens at once. Throws `ConfigError` when the port cannot be had. */
export async function openMetricsEndpoint(host: string, port: number): Promise<MetricsEndpoint> {
  const reader = new ScrapeReader();
  const exemplars = new Exemplars();
  const server = createServer((request, response) => {
    const isKnown = request.method === 'GET' && request.url?.split('?')[0] === '/metrics';
    if (!isKnown) return void response.writeHead(404).end();
    const isOpenMetrics = request.headers.accept?.includes('application/openmetrics-text') === true;
    answer(response, reader, { isOpenMetrics, exemplars }).catch(() => response.destroy());
  });
  server.listen({ host, port });
  try {
    await once(server, 'listening');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : error;
    throw new ConfigError([`METRICS_PORT: ${port} cannot be opened (${code})`]);
  }
  server.unref();
  const address = server.address();
  return {
    reader,
    port: typeof address === 'object' && address !== null ? address.port : port,
    noting: (provider) => exemplars.noting(provider),
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function answer(
  response: ServerResponse,
  reader: MetricReader,
  { isOpenMetrics, exemplars }: { isOpenMetrics: boolean; exemplars: Exemplars },
): Promise<void> {
  const { resourceMetrics } = await reader.collect();
  const text = toMetricsText(resourceMetrics, {
    isOpenMetrics,
    exemplarsOf: (metric, attributes) => exemplars.of(metric, attributes),
  });
  response.writeHead(200, { 'content-type': isOpenMetrics ? openMetricsType : textType }).end(text);
}

/** Collected when it is asked. */
class ScrapeReader extends MetricReader {
  protected override async onForceFlush(): Promise<void> {
    // What was measured is given out when it is asked for.
  }

  protected override async onShutdown(): Promise<void> {
    // The server is closed by whoever opened it.
  }
}

/** The last values of each series that were measured within a recorded trace. */
class Exemplars {
  readonly #series = new Map<string, Exemplar[]>();

  of(metric: string, attributes: Attributes): readonly Exemplar[] {
    return this.#series.get(keyOf(metric, attributes)) ?? [];
  }

  noting(provider: MeterProviderApi): MeterProviderApi {
    return { getMeter: (name, version, options) => this.#meter(provider.getMeter(name, version, options)) };
  }

  #meter(meter: Meter): Meter {
    const createHistogram: Meter['createHistogram'] = (name, options) => {
      const histogram = meter.createHistogram(name, options);
      const record: Histogram['record'] = (value, attributes, within = context.active()) => {
        histogram.record(value, attributes, within);
        // as: what is measured here has plain attributes.
        this.#note(name, value, { attributes: (attributes ?? {}) as Attributes, within });
      };
      return Object.assign(Object.create(histogram), { record });
    };
    return Object.assign(Object.create(meter), { createHistogram });
  }

  #note(
    metric: string,
    value: number,
    { attributes, within }: { attributes: Attributes; within: Context },
  ): void {
    const span = trace.getSpan(within)?.spanContext();
    if (span === undefined || (span.traceFlags & TraceFlags.SAMPLED) === 0) return;
    const key = keyOf(metric, attributes);
    const known = this.#series.get(key);
    if (known === undefined && this.#series.size >= maxSeries) return;
    const exemplar = { value, traceId: span.traceId, spanId: span.spanId, at: Date.now() / 1_000 };
    this.#series.set(key, [exemplar, ...(known ?? []).slice(0, 3)]);
  }
}

function keyOf(metric: string, attributes: Attributes): string {
  return `${metric} ${JSON.stringify(Object.entries(attributes).sort(([one], [other]) => (one < other ? -1 : 1)))}`;
}
