import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { CompiledQuery } from 'kysely';
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
  const summary = summarize(query.sql);
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
export function summarize(sqlText: string): string {
  const verb =
    /^\s*(?:with\b[\s\S]*?\b(?=insert|update|delete|select))?([a-z]+)/i.exec(sqlText)?.[1] ?? 'query';
  const table = /\b(?:from|into|update|table)\s+(?:if\s+(?:not\s+)?exists\s+)?"?([a-z_]+)"?/i.exec(
    sqlText,
  )?.[1];
  return table === undefined ? verb.toUpperCase() : `${verb.toUpperCase()} ${table}`;
}
