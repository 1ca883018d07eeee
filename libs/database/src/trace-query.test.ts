import {
  type Attributes,
  type Context,
  type ContextManager,
  context,
  createNoopMeter,
  INVALID_SPAN_CONTEXT,
  type Meter,
  metrics,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  type SpanOptions,
  trace,
} from '@opentelemetry/api';
import { type Compilable, CompiledQuery } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from './database.ts';
import { openDatabase } from './open-database.ts';
import { summarize } from './trace-query.ts';

let database: Database;
beforeAll(() => {
  database = openDatabase({ url: 'sqlite::memory:' });
});
afterAll(() => database.close());

const cases: [string, (queries: Database['queries']) => Compilable][] = [
  ['SELECT runs', (queries) => queries.selectFrom('runs').selectAll().where('run_id', '=', 'x')],
  ['SELECT runs', (queries) => queries.selectFrom('runs as r').select('r.run_id')],
  ['INSERT revocations', (queries) => queries.insertInto('revocations').values({ grant_id: 'x', at: 1 })],
  ['DELETE assets', (queries) => queries.deleteFrom('assets').where('asset_id', '=', 'x')],
  [
    'UPDATE runs',
    (queries) =>
      queries
        .with('due', (inner) => inner.selectFrom('assets').select('asset_id'))
        .updateTable('runs')
        .set({ phase: 'x' }),
  ],
];

describe('the summary of a query', () => {
  it.each(cases)('is %s', (summary, build) => {
    expect(summarize(build(database.queries).compile())).toBe(summary);
  });

  it.each([
    ["select 'secret'", 'SELECT'],
    ['with due as (select x from runs for update skip locked) update runs set x = 1', 'UPDATE runs'],
    ['with added as (\n  insert into runs (x) values (1) returning *) select * from added', 'INSERT runs'],
    [
      'with changed as (update "runs" set x = 1), noted as (insert into run_events select 1) select 1',
      'UPDATE runs',
    ],
  ])('of written-out SQL is what it changes first, else its first word: %s', (text, summary) => {
    expect(summarize(CompiledQuery.raw(text))).toBe(summary);
  });
});

describe('a query with a recording span around it', () => {
  it('has a span of its own that names the database and the query, and no parameter', async () => {
    const started: { name: string; options: SpanOptions | undefined }[] = [];
    const span: Span = { ...trace.wrapSpanContext(INVALID_SPAN_CONTEXT), ...recordingSpan };
    trace.setGlobalTracerProvider({
      getTracer: () => ({
        startSpan(name, options) {
          started.push({ name, options });
          return span;
        },
        startActiveSpan: () => {
          throw new Error('not used');
        },
      }),
    });
    context.setGlobalContextManager(fixedContext(trace.setSpan(ROOT_CONTEXT, span)));

    await database.migrate();
    started.length = 0;
    await database.queries.selectFrom('runs').selectAll().where('run_id', '=', 'private').execute();

    expect(started).toEqual([
      {
        name: 'SELECT runs',
        options: {
          kind: SpanKind.CLIENT,
          attributes: { 'db.system.name': 'sqlite', 'db.query.summary': 'SELECT runs' },
        },
      },
    ]);
  });

  afterAll(() => {
    trace.disable();
    context.disable();
  });
});

const recordingSpan: Pick<Span, 'isRecording' | 'setStatus' | 'end'> = {
  isRecording: () => true,
  setStatus() {
    return trace.wrapSpanContext(INVALID_SPAN_CONTEXT);
  },
  end() {
    // Nothing is exported here.
  },
};

function fixedContext(active: Context): ContextManager {
  return {
    active: () => active,
    with: (...[, run, thisArg, ...args]) => run.apply(thisArg, args),
    bind: (_context, target) => target,
    enable() {
      return this;
    },
    disable() {
      return this;
    },
  };
}

describe('a query that finds no connection', () => {
  it('is counted as one that failed: of a server that is away there is nothing else to count', async () => {
    const recorded: unknown[] = [];
    const meter: Meter = {
      ...createNoopMeter(),
      createHistogram: () => ({
        record: (_value: number, labels?: Attributes) => void recorded.push(labels),
      }),
    };
    metrics.setGlobalMeterProvider({ getMeter: () => meter });
    const away = openDatabase({ url: 'postgres://nobody@127.0.0.1:9/none' });
    try {
      await expect(away.queries.selectFrom('runs').selectAll().execute()).rejects.toMatchObject({
        code: 'unavailable',
      });

      expect(recorded).toEqual([
        {
          'db.system.name': 'postgresql',
          'db.query.summary': 'CONNECT',
          'error.type': 'connection_failed',
        },
      ]);
    } finally {
      metrics.disable();
      await away.close();
    }
  });
});
