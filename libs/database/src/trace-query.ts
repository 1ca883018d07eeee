import { durationBuckets } from '@inferry/contracts';
import {
  createNoopMeter,
  type Histogram,
  type MeterProvider,
  metrics,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { AliasNode, type CompiledQuery, type OperationNode, TableNode } from 'kysely';
import type { Dialect } from './database.ts';

const tracer = trace.getTracer('@inferry/database');
const systemNames = { postgres: 'postgresql', sqlite: 'sqlite' } as const satisfies Record<Dialect, string>;

/** Runs one query in a span of its own when somebody records the caller's; parameters are never part of it. */
export async function traceQuery<T>(
  dialect: Dialect,
  query: CompiledQuery,
  run: () => Promise<T>,
): Promise<T> {
  const measured = measure(dialect, query, run);
  if (trace.getActiveSpan()?.isRecording() !== true) return measured();
  const summary = summarize(query);
  const span = tracer.startSpan(summary, {
    kind: SpanKind.CLIENT,
    attributes: { 'db.system.name': systemNames[dialect], 'db.query.summary': summary },
  });
  try {
    return await measured();
  } catch (error) {
    span.setStatus({ code: SpanStatusCode.ERROR });
    throw error;
  } finally {
    span.end();
  }
}

const durations = new WeakMap<MeterProvider, Histogram>();

function durationOf(provider: MeterProvider): Histogram | undefined {
  const known = durations.get(provider);
  if (known !== undefined) return known;
  const meter = provider.getMeter('@inferry/database');
  if (meter === createNoopMeter()) return undefined;
  const made = meter.createHistogram('db.client.operation.duration', {
    unit: 's',
    description: 'From a query to its rows',
    advice: { explicitBucketBoundaries: durationBuckets },
  });
  durations.set(provider, made);
  return made;
}

/** A query that found no connection has failed as well: of a server that is away there is nothing else to count. */
export function noteFailedConnection(dialect: Dialect, startedAt: number): void {
  durationOf(metrics.getMeterProvider())?.record((performance.now() - startedAt) / 1_000, {
    'db.system.name': systemNames[dialect],
    'db.query.summary': 'CONNECT',
    'error.type': 'connection_failed',
  });
}

/** How long it takes, where somebody measures. */
function measure<T>(dialect: Dialect, query: CompiledQuery, run: () => Promise<T>): () => Promise<T> {
  const duration = durationOf(metrics.getMeterProvider());
  if (duration === undefined) return run;
  return async () => {
    const labels = { 'db.system.name': systemNames[dialect], 'db.query.summary': summarize(query) };
    const started = performance.now();
    try {
      const result = await run();
      duration.record((performance.now() - started) / 1_000, labels);
      return result;
    } catch (error) {
      duration.record((performance.now() - started) / 1_000, { ...labels, 'error.type': 'query_failed' });
      throw error;
    }
  };
}

/** Of written-out SQL, what it changes first; rows that are read to be changed are locked `for update`. */
const change = /(?<!for )\b(update|insert into|delete from) "?([a-z_]+)/;

/** "SELECT runs": the verb and the first table, as OpenTelemetry's database conventions ask for. */
export function summarize({ query, sql }: CompiledQuery): string {
  switch (query.kind) {
    case 'SelectQueryNode':
      return `SELECT ${tableOf(query.from?.froms[0])}`;
    case 'InsertQueryNode':
      return `INSERT ${tableOf(query.into)}`;
    case 'UpdateQueryNode':
      return `UPDATE ${tableOf(query.table)}`;
    case 'DeleteQueryNode':
      return `DELETE ${tableOf(query.from.froms[0])}`;
    default: {
      const [, verb, table] = change.exec(sql) ?? [];
      if (verb !== undefined) return `${verb.split(' ')[0]?.toUpperCase()} ${table}`;
      return (/[a-z]+/i.exec(sql)?.[0] ?? 'query').toUpperCase();
    }
  }
}

function tableOf(node: OperationNode | undefined): string {
  if (node === undefined) return '';
  if (AliasNode.is(node)) return tableOf(node.node);
  return TableNode.is(node) ? node.table.identifier.name : '(subquery)';
}
