import type { AppError } from '@inferry/contracts';
import { context, propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { IncomingMessage } from './transport.ts';

const tracer = trace.getTracer('@inferry/bus');

/** Runs `work`, which never rejects, in a span that continues the caller's trace. */
export async function inSpan(
  message: IncomingMessage,
  subject: string,
  work: () => Promise<void>,
): Promise<void> {
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
