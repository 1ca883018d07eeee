import type { Env } from '../config.ts';

export interface Telemetry {
  shutdown(): Promise<void>;
}

const off: Telemetry = { shutdown: async () => undefined };

/**
 * Traces and metrics by OTLP, configured by OpenTelemetry's own `OTEL_*` variables; off, and not even loaded, unless
 * one of them asks for it.
 */
export async function startTelemetry(serviceName: string, env: Env): Promise<Telemetry> {
  if (!isAskedFor(env)) return off;
  const { NodeSDK } = await import('@opentelemetry/sdk-node');
  const sdk = new NodeSDK({
    serviceName: env.OTEL_SERVICE_NAME ?? `inferry-${serviceName}`,
    instrumentations: [],
  });
  sdk.start();
  return { shutdown: () => sdk.shutdown() };
}

function isAskedFor(env: Env): boolean {
  if (env.OTEL_SDK_DISABLED === 'true') return false;
  return Object.entries(env).some(
    ([name, value]) => /^OTEL_(EXPORTER_OTLP|TRACES|METRICS)/.test(name) && !!value,
  );
}
