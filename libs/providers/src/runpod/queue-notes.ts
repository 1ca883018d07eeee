import { AppError } from '@inferry/contracts';
import type { PlatformClient } from '../http/index.ts';
import type { ProviderContext } from '../provider.ts';
import { endpointPath } from './job-path.ts';
import { Health } from './wire.ts';

const freshMs = 15_000;
const maxEndpoints = 500;

/** Why a job waits: no worker is free, or one starts, or those that start do not come up (RPB-10). Asked at most every 15 s. */
export class QueueNotes {
  readonly #client: PlatformClient;
  readonly #now: () => number;
  readonly #known = new Map<string, { note: string | undefined; until: number }>();

  constructor(client: PlatformClient, now: () => number) {
    this.#client = client;
    this.#now = now;
  }

  /** Undefined where the platform does not say: a note is never a reason to fail. */
  async of(endpoint: string, context: ProviderContext): Promise<string | undefined> {
    const known = this.#known.get(endpoint);
    if (known !== undefined && known.until > this.#now()) return known.note;
    const note = await this.#ask(endpoint, context);
    this.#known.delete(endpoint);
    const oldest = this.#known.keys().next().value;
    if (this.#known.size >= maxEndpoints && oldest !== undefined) this.#known.delete(oldest);
    this.#known.set(endpoint, { note, until: this.#now() + freshMs });
    return note;
  }

  async #ask(endpoint: string, context: ProviderContext): Promise<string | undefined> {
    try {
      const call = { path: endpointPath(endpoint, 'health'), timeoutMs: 3_000 };
      // Not `read`: nobody waits for this.
      const { body } = await this.#client.change(Health, { ...call, method: 'GET' }, context);
      return body.workers === undefined ? undefined : toNote(body.workers);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      return undefined;
    }
  }
}

function toNote(workers: NonNullable<Health['workers']>): string | undefined {
  const { idle = 0, initializing = 0, ready = 0, running = 0, throttled = 0, unhealthy = 0 } = workers;
  const all = idle + initializing + ready + running + throttled + unhealthy;
  if (unhealthy > 0) {
    return `${unhealthy} worker(s) of this endpoint start and fail again: that is no lack of capacity. Look at the worker's logs.`;
  }
  if (all === 0) return 'No worker runs yet: the endpoint starts from zero, or waits for a GPU.';
  if (throttled > 0 && running + idle + ready === 0)
    return 'The workers are throttled: no GPU is free just now.';
  if (initializing > 0 && running + idle + ready === 0)
    return 'A worker starts: it loads its image and its model.';
  return undefined;
}
