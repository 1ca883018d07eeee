/** How long calls on the bus take, and how they end: at whoever asks, and at whoever answers. */
import { AppError, durationBuckets, InputRequired } from '@inferry/contracts';
import { createNoopMeter, type Histogram, metrics } from '@opentelemetry/api';

/** Made after the meter provider is set: instruments do not move to one that comes later. */
export class CallMeter {
  readonly #duration: Histogram | undefined;

  constructor(side: 'client' | 'process') {
    const meter = metrics.getMeter('@inferry/bus');
    if (meter === createNoopMeter()) return;
    const name = side === 'client' ? 'messaging.client.operation.duration' : 'messaging.process.duration';
    this.#duration = meter.createHistogram(name, {
      unit: 's',
      description: side === 'client' ? 'From asking to the answer' : 'From taking a call to its answer',
      advice: { explicitBucketBoundaries: durationBuckets },
    });
  }

  get isOn(): boolean {
    return this.#duration !== undefined;
  }

  /** The call of a subject, which is a contract's and so one of a few. A question to the client is no failure. */
  ended(subject: string, started: number, error?: unknown): void {
    const failure = error instanceof InputRequired ? undefined : error;
    this.#duration?.record((performance.now() - started) / 1_000, {
      'messaging.destination.name': subject,
      ...(failure === undefined
        ? {}
        : { 'error.type': failure instanceof AppError ? failure.code : 'internal' }),
    });
  }
}
