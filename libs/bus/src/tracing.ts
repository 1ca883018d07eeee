import type { AppError } from '@inferry/contracts';
import {
  context,
  ProxyTracerProvider,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import type { IncomingMessage } from './transport.ts';

const tracer = trace.getTracer('@inferry/bus');
const nobody = new ProxyTracerProvider().getDelegate();

/** Without an SDK the API does nothing with what it is told. */
function isTraced(): boolean {
  const provider = trace.getTracerProvider();
  return !(provider instanceof ProxyTracerProvider) || provider.getDelegate() !== nobody;
}

/** Runs `work`, which never rejects, in a span that continues the caller's trace. */
export async function inSpan(
  message: IncomingMessage,
  subject: string,
  work: () => Promise<void>,
): Promise<void> {
  if (!isTraced()) return work();
  const parent = propagation.extract(ROOT_CONTEXT, message, {
    get: (carrier, key) => carrier.header(key),
    keys: () => [],
  });
  const attributes = {
    'messaging.operation.type': 'process',
    'messaging.destination.name': subject,
  };
  const span = tracer.startSpan(`process ${subject}`, { kind: SpanKind.CONSUMER, attributes }, parent);
  await context.with(trace.setSpan(parent, span), work);
  span.end();
}

/** Marks the span of the call at hand as failed. */
export function markFailed(error: AppError): void {
  trace.getActiveSpan()?.setAttribute('error.type', error.code).setStatus({ code: SpanStatusCode.ERROR });
}
