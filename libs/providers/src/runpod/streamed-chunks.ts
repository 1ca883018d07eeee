import type { PlatformClient } from '../http/index.ts';
import type { ProviderContext } from '../provider.ts';
import { jobPath } from './job-path.ts';
import { StreamReply } from './wire.ts';

/** A job by its endpoint and its id. */
export interface JobAddress {
  endpoint: string;
  id: string;
}

export interface Drained {
  /** Everything that was read of the job so far, in this process. */
  chunks: readonly unknown[];
  /** Whether this process has read it from the first chunk on, as far as it can know. */
  isWhole: boolean;
  /** The job's word, where the reply has it. */
  status?: string | undefined;
}

interface Kept {
  chunks: unknown[];
  bytes: number;
  isWhole: boolean;
  /** Calls for one job go one after the other: what one of them reads, no other sees. */
  last: Promise<unknown>;
}

const maxJobs = 256;
const maxJobBytes = 4 << 20;
/** How long the platform holds a call for which nothing is ready. */
const waitMs = 5_000;

/**
 * What jobs have streamed. The platform gives every chunk once: whoever reads it must keep it. The lease of a run makes
 * one process its reader; within the process this is the one place that reads.
 */
export class StreamedChunks {
  readonly #client: PlatformClient;
  readonly #kept = new Map<string, Kept>();

  constructor(client: PlatformClient) {
    this.#client = client;
  }

  /** What is ready since the last time, added to what was kept. Sent once: a repetition would lose a lost reply. */
  drain(job: JobAddress, context: ProviderContext): Promise<Drained> {
    const kept = this.#keep(nameOf(job));
    const drained = kept.last.catch(() => undefined).then(() => this.#drain(job, kept, context));
    kept.last = drained;
    return drained;
  }

  of(job: JobAddress): Drained {
    const { chunks, isWhole } = this.#kept.get(nameOf(job)) ?? { chunks: [], isWhole: false };
    return { chunks, isWhole };
  }

  async #drain(job: JobAddress, kept: Kept, context: ProviderContext): Promise<Drained> {
    try {
      const call = { method: 'GET', path: jobPath(job, 'stream'), query: { wait: waitMs } } as const;
      const { body } = await this.#client.change(StreamReply, call, context);
      const [status, stream] = Array.isArray(body) ? [undefined, body] : [body.status, body.stream ?? []];
      for (const { output } of stream) add(kept, output);
      return { chunks: kept.chunks, isWhole: kept.isWhole, status };
    } catch (error) {
      // Whatever that reply held is gone.
      kept.isWhole = false;
      throw error;
    }
  }

  #keep(name: string): Kept {
    const known = this.#kept.get(name);
    if (known !== undefined) return known;
    const oldest = this.#kept.keys().next().value;
    if (this.#kept.size >= maxJobs && oldest !== undefined) this.#kept.delete(oldest);
    const kept: Kept = { chunks: [], bytes: 0, isWhole: true, last: Promise.resolve() };
    this.#kept.set(name, kept);
    return kept;
  }
}

function nameOf({ endpoint, id }: JobAddress): string {
  return `${endpoint}/${id}`;
}

function add(kept: Kept, output: unknown): void {
  kept.bytes += JSON.stringify(output)?.length ?? 0;
  if (kept.bytes > maxJobBytes) kept.isWhole = false;
  else kept.chunks.push(output);
}
