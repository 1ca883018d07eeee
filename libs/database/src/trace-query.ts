import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
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
  if (trace.getActiveSpan()?.isRecording() !== true) return run();
  const summary = summarize(query);
  const span = tracer.startSpan(summary, {
    kind: SpanKind.CLIENT,
    attributes: { 'db.system.name': systemNames[dialect], 'db.query.summary': summary },
  });
  try {
    return await run();
  } catch (error) {
    span.setStatus({ code: SpanStatusCode.ERROR });
    throw error;
  } finally {
    span.end();
  }
}

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
    default:
      return (/[a-z]+/i.exec(sql)?.[0] ?? 'query').toUpperCase();
  }
}

function tableOf(node: OperationNode | undefined): string {
  if (node === undefined) return '';
  if (AliasNode.is(node)) return tableOf(node.node);
  return TableNode.is(node) ? node.table.identifier.name : '(subquery)';
}
