/** Traces, metrics and logs of a process: by OTLP where OpenTelemetry's own variables ask for it, and metrics at a port. */
import { metrics } from '@opentelemetry/api';
import { type Env, parseEnv, RuntimeEnv } from '../config.ts';
import type { MetricsEndpoint } from './metrics-endpoint.ts';

export interface Telemetry {
  /** Where `/metrics` is answered. */
  metricsPort: number | undefined;
  shutdown(): Promise<void>;
}

const off: Telemetry = { metricsPort: undefined, shutdown: async () => undefined };

/**
 * Traces, metrics and logs by OTLP, configured by OpenTelemetry's own `OTEL_*` variables, and `/metrics` at METRICS_PORT; off,
 * and not even loaded, unless one of them asks for it.
 */
export async function startTelemetry(serviceName: string, env: Env): Promise<Telemetry> {
  const { METRICS_PORT: port, HOST: host } = parseEnv(
    RuntimeEnv.pick({ METRICS_PORT: true, HOST: true }),
    env,
  );
  const isAsked = isOtlpAsked(env);
  if (!isAsked && port === undefined) return off;
  const name = env.OTEL_SERVICE_NAME ?? `inferry-${serviceName}`;
  const endpoint = port === undefined ? undefined : await openEndpoint(host, port);
  const closers = [
    ...(isAsked ? [await startSdk(name, endpoint !== undefined)] : []),
    ...(endpoint === undefined ? [] : [await startMeters(name, endpoint, isAsked ? env : {})]),
  ];
  const { measureProcess } = await import('./process-metrics.ts');
  measureProcess();
  return {
    metricsPort: endpoint?.port,
    shutdown: async () => {
      for (const close of closers) await close();
    },
  };
}

/** OpenTelemetry's own set-up; without metrics where they are ours to set up. */
async function startSdk(serviceName: string, hasOwnMeters: boolean): Promise<() => Promise<void>> {
  const { NodeSDK } = await import('@opentelemetry/sdk-node');
  const sdk = new NodeSDK({
    serviceName,
    instrumentations: [],
    ...(hasOwnMeters ? { metricReaders: [] } : {}),
  });
  sdk.start();
  return () => sdk.shutdown();
}

async function openEndpoint(host: string, port: number): Promise<MetricsEndpoint> {
  const { openMetricsEndpoint } = await import('./metrics-endpoint.ts');
  return openMetricsEndpoint(host, port);
}

/** One set of instruments for both ways out: at the port, and by OTLP where that is asked for. */
async function startMeters(
  serviceName: string,
  endpoint: MetricsEndpoint,
  env: Env,
): Promise<() => Promise<void>> {
  const { MeterProvider } = await import('@opentelemetry/sdk-metrics');
  const { defaultResource, resourceFromAttributes } = await import('@opentelemetry/resources');
  const provider = new MeterProvider({
    resource: defaultResource().merge(resourceFromAttributes({ 'service.name': serviceName })),
    readers: [endpoint.reader, ...(await otlpReaders(env))],
  });
  metrics.setGlobalMeterProvider(endpoint.noting(provider));
  return async () => {
    await provider.shutdown();
    await endpoint.close();
  };
}

async function otlpReaders(env: Env): Promise<import('@opentelemetry/sdk-metrics').MetricReader[]> {
  const exporters = env.OTEL_METRICS_EXPORTER ?? 'otlp';
  if (Object.keys(env).length === 0 || !exporters.split(',').includes('otlp')) return [];
  const { PeriodicExportingMetricReader } = await import('@opentelemetry/sdk-metrics');
  const { OTLPMetricExporter } = await exporterOf(
    env.OTEL_EXPORTER_OTLP_METRICS_PROTOCOL ?? env.OTEL_EXPORTER_OTLP_PROTOCOL,
  );
  return [
    new PeriodicExportingMetricReader({
      exporter: new OTLPMetricExporter(),
      exportIntervalMillis: Number(env.OTEL_METRIC_EXPORT_INTERVAL ?? 60_000),
      exportTimeoutMillis: Number(env.OTEL_METRIC_EXPORT_TIMEOUT ?? 30_000),
    }),
  ];
}

function exporterOf(protocol: string | undefined) {
  if (protocol === 'grpc') return import('@opentelemetry/exporter-metrics-otlp-grpc');
  if (protocol === 'http/json') return import('@opentelemetry/exporter-metrics-otlp-http');
  return import('@opentelemetry/exporter-metrics-otlp-proto');
}

/** Whether one of OpenTelemetry's variables asks for traces, metrics or logs by OTLP. */
export function isOtlpAsked(env: Env): boolean {
  if (env.OTEL_SDK_DISABLED === 'true') return false;
  return Object.entries(env).some(
    ([name, value]) => /^OTEL_(EXPORTER_OTLP|TRACES|METRICS|LOGS)/.test(name) && !!value,
  );
}
