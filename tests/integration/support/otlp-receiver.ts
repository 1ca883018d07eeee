import { once } from 'node:events';
import { createServer } from 'node:http';

export interface ReceivedSpan {
  traceId: string;
  spanId: string;
  parentSpanId: string | undefined;
  name: string;
  service: string;
  attributes: Record<string, unknown>;
}

export interface OtlpReceiver {
  url: string;
  spans: ReceivedSpan[];
  metricNames: Set<string>;
  close(): void;
}

/** Receives OTLP over HTTP as JSON (`OTEL_EXPORTER_OTLP_PROTOCOL=http/json`). */
export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  const metricNames = new Set<string>();
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    // as: without an encoding, a request yields buffers.
    for await (const chunk of request) chunks.push(chunk as Buffer);
    // as: OTLP/JSON of the OpenTelemetry SDK.
    const body = JSON.parse(Buffer.concat(chunks).toString()) as OtlpBody;
    for (const resource of body.resourceSpans ?? []) spans.push(...toSpans(resource));
    for (const resource of body.resourceMetrics ?? []) {
      for (const scope of resource.scopeMetrics)
        for (const metric of scope.metrics) metricNames.add(metric.name);
    }
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    spans,
    metricNames,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

interface Attribute {
  key: string;
  value: Record<string, unknown>;
}

interface OtlpBody {
  resourceSpans?: {
    resource: { attributes: Attribute[] };
    scopeSpans: {
      spans: {
        traceId: string;
        spanId: string;
        parentSpanId?: string;
        name: string;
        attributes: Attribute[];
      }[];
    }[];
  }[];
  resourceMetrics?: { scopeMetrics: { metrics: { name: string }[] }[] }[];
}

function toSpans(resource: NonNullable<OtlpBody['resourceSpans']>[number]): ReceivedSpan[] {
  const service = String(toObject(resource.resource.attributes)['service.name']);
  return resource.scopeSpans.flatMap((scope) =>
    scope.spans.map(({ traceId, spanId, parentSpanId, name, attributes }) => ({
      traceId,
      spanId,
      parentSpanId: parentSpanId || undefined,
      name,
      service,
      attributes: toObject(attributes),
    })),
  );
}

function toObject(attributes: readonly Attribute[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}
