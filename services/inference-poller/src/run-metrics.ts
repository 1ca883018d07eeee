import type { RunRow } from '@inferry/database';
import { metrics } from '@opentelemetry/api';
import { fromMicros, optionsOf } from './runs/run-document.ts';

export interface RunMetrics {
  /** Counts a run that ended, with its time and its cost. */
  ended(row: RunRow): void;
}

/** Made after the meter provider is set: instruments do not move to one that comes later. */
export function createRunMetrics(): RunMetrics {
  const meter = metrics.getMeter('@inferry/inference-poller');
  const duration = meter.createHistogram('inferry.run.duration', {
    unit: 's',
    description: 'From accepting a run to its end',
  });
  const cost = meter.createCounter('inferry.run.cost', { description: 'What ended runs were charged' });
  const breaches = meter.createCounter('inferry.run.quote_breaches', {
    description: 'Runs that a platform charged more for than their signed quote said',
  });
  return {
    ended(row) {
      const labels = {
        'gen_ai.provider.name': row.provider,
        'gen_ai.request.model': row.model,
        'inferry.run.status': row.status,
      };
      duration.record(((row.finished_at ?? row.created_at) - row.created_at) / 1_000, labels);
      if (optionsOf(row).overQuoteMicros !== undefined) breaches.add(1, labels);
      if (row.charged_micros !== null && row.charged_micros > 0) {
        cost.add(fromMicros(row.charged_micros), { ...labels, 'inferry.run.currency': row.currency });
      }
    },
  };
}
