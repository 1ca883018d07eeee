/** What is measured of runs: how they come, wait and end, what they cost, and how their platforms answer. */
import { type AppError, durationBuckets } from '@inferry/contracts';
import { countOpenRuns, type Database, type Reached, type RunRow } from '@inferry/database';
import { createNoopMeter, metrics } from '@opentelemetry/api';
import { errorOf, fromMicros, optionsOf } from './runs/run-document.ts';

/** What a replica has in hand. */
interface Watched {
  held(): number;
  places: Readonly<Record<string, { used: number; capacity: number }>>;
}

export interface RunMetrics {
  /** Counts a run that was taken. */
  accepted(provider: string): void;
  /** Counts a run that a budget or a bound refused. */
  refused(code: AppError['code']): void;
  /** Notes how late runs are that are taken up now. */
  leased(
    work: 'submit' | 'follow',
    rows: readonly Pick<RunRow, 'provider' | 'next_poll_at'>[],
    now: number,
  ): void;
  /** Counts a look that left runs waiting, since an operator's limit is reached. */
  heldBack(reached: readonly Pick<Reached, 'scope' | 'what'>[]): void;
  /** Counts a call to a platform, with its time. */
  called(
    provider: string,
    operation: string,
    outcome: { seconds: number; failure: string | undefined },
  ): void;
  webhook(outcome: 'delivered' | 'again' | 'given_up'): void;
  /** Counts a run that ended, with its time and its cost. */
  ended(row: RunRow): void;
  /** From now on what a replica has in hand is told when it is asked for. */
  watch(watched: Watched): void;
}

/** How long a run that was late counts as being behind. */
const behindMs = 15_000;
/** Open runs are counted no more often than this, however many ask. */
const countEveryMs = 15_000;

/** Made after the meter provider is set: instruments do not move to one that comes later. */
export function createRunMetrics(database: Database): RunMetrics {
  const meter = metrics.getMeter('@inferry/inference-poller');
  const seconds = { unit: 's', advice: { explicitBucketBoundaries: durationBuckets } };
  const accepted = meter.createCounter('inferry.run.accepted', { description: 'Runs that were taken' });
  const refused = meter.createCounter('inferry.run.refused', {
    description: 'Runs that a budget or a bound refused',
  });
  const heldBack = meter.createCounter('inferry.run.held_back', {
    description: 'Looks that left runs waiting, since a limit of their tenant or their platform is reached',
  });
  const duration = meter.createHistogram('inferry.run.duration', {
    ...seconds,
    description: 'From accepting a run to its end',
  });
  const lateness = meter.createHistogram('inferry.poller.lateness', {
    ...seconds,
    description: 'How long after it was due a run was taken up',
  });
  const calls = meter.createHistogram('gen_ai.client.operation.duration', {
    ...seconds,
    description: 'From a call to a platform to its answer',
  });
  const cost = meter.createCounter('inferry.run.cost', { description: 'What ended runs were charged' });
  const breaches = meter.createCounter('inferry.run.quote_breaches', {
    description: 'Runs that a platform charged more for than their signed quote said',
  });
  const webhooks = meter.createCounter('inferry.webhook.deliveries', {
    description: 'Tries to tell callers of ended runs',
  });
  let behind = { ms: 0, until: 0 };
  return {
    accepted: (provider) => accepted.add(1, { 'gen_ai.provider.name': provider }),
    refused: (code) => refused.add(1, { 'error.type': code }),
    leased(work, rows, now) {
      for (const { provider, next_poll_at: due } of rows) {
        const ms = Math.max(0, now - (due ?? now));
        lateness.record(ms / 1_000, { 'inferry.work': work, 'gen_ai.provider.name': provider });
        if (ms > behind.ms || Date.now() > behind.until) behind = { ms, until: Date.now() + behindMs };
      }
    },
    heldBack(reached) {
      const kinds = new Set(reached.map(({ scope, what }) => `${scope} ${what}`));
      for (const kind of kinds) {
        const [scope, what] = kind.split(' ');
        heldBack.add(1, { 'inferry.limit.scope': scope, 'inferry.limit.kind': what });
      }
    },
    called(provider, operation, { seconds: taken, failure }) {
      const labels = { 'gen_ai.provider.name': provider, 'gen_ai.operation.name': operation };
      calls.record(taken, { ...labels, ...(failure === undefined ? {} : { 'error.type': failure }) });
    },
    webhook: (outcome) => webhooks.add(1, { outcome }),
    ended(row) {
      const code = errorOf(row)?.code;
      // Not the model: there are thousands, and the trace has it.
      const labels = { 'gen_ai.provider.name': row.provider, 'inferry.run.status': row.status };
      const ms = (row.finished_at ?? row.created_at) - row.created_at;
      duration.record(ms / 1_000, { ...labels, ...(code === undefined ? {} : { 'error.type': code }) });
      if (optionsOf(row).overQuoteMicros !== undefined) breaches.add(1, labels);
      if (row.charged_micros !== null && row.charged_micros > 0)
        cost.add(fromMicros(row.charged_micros), { ...labels, 'inferry.run.currency': row.currency });
    },
    watch(watched) {
      if (meter === createNoopMeter()) return;
      meter
        .createObservableGauge('inferry.poller.behind', {
          unit: 's',
          description: 'The most that a run was late that was taken up lately',
        })
        .addCallback((result) => result.observe(Date.now() > behind.until ? 0 : behind.ms / 1_000));
      meter
        .createObservableGauge('inferry.poller.leases', { description: 'Runs that this replica holds' })
        .addCallback((result) => result.observe(watched.held()));
      const used = meter.createObservableGauge('inferry.poller.places_used', {
        description: 'Places of each kind of work that are taken',
      });
      const places = meter.createObservableGauge('inferry.poller.places', {
        description: 'Places of each kind of work',
      });
      meter.addBatchObservableCallback(
        (result) => {
          for (const [work, { used: taken, capacity }] of Object.entries(watched.places)) {
            result.observe(used, taken, { 'inferry.work': work });
            result.observe(places, capacity, { 'inferry.work': work });
          }
        },
        [used, places],
      );
      watchOpenRuns(database);
    },
  };
}

/** Runs that have not ended and the money that they hold, of the whole deployment: every replica tells the same. */
function watchOpenRuns(database: Database): void {
  const meter = metrics.getMeter('@inferry/inference-poller');
  const open = meter.createObservableGauge('inferry.run.open', {
    description: 'Runs of the deployment that have not ended',
  });
  const reserved = meter.createObservableGauge('inferry.run.reserved', {
    description: 'What open runs hold of budgets',
  });
  let counted = { at: Number.NEGATIVE_INFINITY, rows: Promise.resolve(noRuns) };
  meter.addBatchObservableCallback(
    async (result) => {
      if (performance.now() - counted.at > countEveryMs)
        counted = { at: performance.now(), rows: countOpenRuns(database.queries).catch(() => noRuns) };
      for (const { provider, phase, currency, count, reservedMicros } of await counted.rows) {
        const labels = { 'gen_ai.provider.name': provider, 'inferry.run.phase': phase };
        result.observe(open, count, { ...labels, 'inferry.run.currency': currency });
        result.observe(reserved, fromMicros(reservedMicros), { ...labels, 'inferry.run.currency': currency });
      }
    },
    [open, reserved],
  );
}

const noRuns: Awaited<ReturnType<typeof countOpenRuns>> = [];
