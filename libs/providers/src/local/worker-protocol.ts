import type { JsonObject } from '@inferry/contracts';
import type { ProviderOutput } from '../provider.ts';

/** What the main thread posts to a worker: one job. The files' buffers are transferred, not copied. */
export interface WorkerRequest {
  jobId: string;
  nativeId: string;
  /** Parsed by the model's schema before it is posted, defaults filled in. */
  input: JsonObject;
  files: Record<string, Uint8Array>;
}

/** Content that a worker made; the bytes' buffers are transferred. */
export type WorkerOutput = Pick<ProviderOutput, 'kind' | 'contentType' | 'fileName' | 'bytes' | 'text'>;

/** What a worker posts back. */
export type WorkerReply =
  | { type: 'progress'; jobId: string; fraction: number }
  | { type: 'succeeded'; jobId: string; outputs: WorkerOutput[] }
  /** The input cannot be used; the worker is fine. */
  | { type: 'refused'; jobId: string; message: string }
  /** The code failed; the worker may be in a bad state and is replaced. */
  | { type: 'broken'; jobId: string; reason: string };
