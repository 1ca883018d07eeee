import { durationBuckets, isErrorCode, type JsonObject } from '@inferry/contracts';
import type { Exchange, Observer, Refusal, Reply } from '@inferry/mcp';
import {
  type Attributes,
  type Context,
  context,
  createNoopMeter,
  metrics,
  ProxyTracerProvider,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  type TextMapGetter,
  trace,
} from '@opentelemetry/api';

/** Spans and metrics under OpenTelemetry's conventions for MCP. */
export interface Telemetry extends Observer {
  /** Counts a request that was refused before it had a method. */
  refused(refusal: Refusal): void;
  waitOpened(): void;
  waitClosed(): void;
  /** Counts a hit that the shared store, which was away, did not count. */
  limitsAway(fallback: 'local' | 'closed'): void;
  slowReaderCut(): void;
  /** Counts a credential that was looked for among those that were verified before. */
  credentialLookedUp(isKnown: boolean): void;
}

const instrumentation = '@inferry/mcp-gateway';

/** What is switched on later, after this, is not seen. */
export function createTelemetry(): Telemetry {
  const isWatched = isAnybodyWatching();
  const tracer = trace.getTracer(instrumentation);
  const meter = metrics.getMeter(instrumentation);
  const requests = meter.createCounter('inferry.gateway.requests', {
    description: 'MCP requests by outcome',
  });
  const duration = meter.createHistogram('mcp.server.operation.duration', {
    unit: 's',
    description: 'From a request to its answer',
    advice: { explicitBucketBoundaries: durationBuckets },
  });
  const refusals = meter.createCounter('inferry.gateway.refusals', {
    description: 'Requests answered with an error',
  });
  const waits = meter.createUpDownCounter('inferry.gateway.open_waits', { description: 'Open streams' });
  // There from the beginning: nothing open is a number too.
  waits.add(0);
  const away = meter.createCounter('inferry.gateway.limits.away', {
    description: 'Hits while the shared windows were away',
  });
  const cuts = meter.createCounter('inferry.gateway.slow_readers_cut', {
    description: 'Streams that were ended because nobody read them',
  });
  const lookups = meter.createCounter('inferry.gateway.credential_lookups', {
    description: 'Credentials that were looked for among those verified before',
  });

  function end(
    started: number,
    within: Context,
    { exchange, reply }: { exchange: Exchange; reply: Reply },
  ): void {
    const span = trace.getSpan(within);
    const outcome = outcomeOf(reply);
    const { method, params } = exchange.request;
    // The mount is one of a few: the product's profiles, and those of an operator's files.
    const labels: Attributes = { 'mcp.method.name': method, 'inferry.mount': exchange.offer.profile.key };
    // Only known tools get this far, so the label stays small.
    if (method === 'tools/call' && exchange.view.byName.has(String(params.name))) {
      labels['gen_ai.tool.name'] = String(params.name);
    }
    requests.add(1, { ...labels, outcome });
    if (outcome !== 'ok') {
      const type = outcome === 'tool_error' ? codeOf(reply) : outcome;
      labels['error.type'] = type;
      span?.setAttribute('error.type', type);
      if (outcome !== 'cancelled') span?.setStatus({ code: SpanStatusCode.ERROR });
    }
    duration.record((performance.now() - started) / 1_000, labels, within);
    span?.end();
  }

  const observe: Telemetry['observe'] = (exchange, method, finish) => {
    const started = performance.now();
    const parent = propagation.extract(ROOT_CONTEXT, exchange.traceCarrier, stringsOf);
    const span = tracer.startSpan(
      spanName(exchange),
      { kind: SpanKind.SERVER, attributes: spanAttributes(exchange) },
      parent,
    );
    const within = trace.setSpan(parent, span);
    const reply = context.with(within, method, undefined, exchange);
    if (!(reply instanceof Promise)) {
      end(started, within, { exchange, reply });
      return finish(exchange, reply);
    }
    return reply.then(
      (settled) => {
        end(started, within, { exchange, reply: settled });
        return finish(exchange, settled);
      },
      (error: unknown) => {
        span.setStatus({ code: SpanStatusCode.ERROR });
        span.end();
        throw error;
      },
    );
  };

  return {
    observe: isWatched ? observe : undefined,
    unknown(_exchange, refusal) {
      requests.add(1, { 'mcp.method.name': '_OTHER', outcome: refusal.data.code });
      return refusal;
    },
    refused: (refusal) => refusals.add(1, { code: refusal.data.code }),
    waitOpened: () => waits.add(1),
    waitClosed: () => waits.add(-1),
    limitsAway: (fallback) => away.add(1, { fallback }),
    slowReaderCut: () => cuts.add(1),
    credentialLookedUp: (isKnown) => lookups.add(1, { result: isKnown ? 'hit' : 'miss' }),
  };
}

/** Without an SDK the API does nothing with what it is told, and telling it costs a tenth of a quick call. */
function isAnybodyWatching(): boolean {
  const provider = trace.getTracerProvider();
  const isTraced =
    !(provider instanceof ProxyTracerProvider) ||
    provider.getDelegate() !== new ProxyTracerProvider().getDelegate();
  return isTraced || metrics.getMeter(instrumentation) !== createNoopMeter();
}

function outcomeOf(reply: Reply): string {
  if (reply === undefined) return 'cancelled';
  if (typeof reply !== 'string') return reply.data.code;
  // A result is text here; `isError` is the last field that a service writes.
  return reply.endsWith('"isError":true}') ? 'tool_error' : 'ok';
}

/** The error's own code, where the mount calls it as we do: one of a few. */
function codeOf(reply: Reply): string {
  const [, code = ''] = (typeof reply === 'string' && /"text":"\[([a-z_]+)\]/.exec(reply)) || [];
  return isErrorCode(code) ? code : 'tool_error';
}

function spanName({ request, view }: Exchange): string {
  const { name } = request.params;
  return typeof name === 'string' && view.byName.has(name) ? `${request.method} ${name}` : request.method;
}

function spanAttributes({ version, request, view }: Exchange): Attributes {
  const { name } = request.params;
  return {
    'mcp.method.name': request.method,
    'mcp.protocol.version': version,
    'jsonrpc.request.id': String(request.id).slice(0, 64),
    'network.transport': 'tcp',
    ...(typeof name === 'string' && view.byName.has(name)
      ? { 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': name }
      : {}),
  };
}

const stringsOf: TextMapGetter<JsonObject> = {
  keys: (carrier) => Object.keys(carrier),
  get(carrier, key) {
    const value = carrier[key];
    return typeof value === 'string' ? value : undefined;
  },
};
