import { parentPort } from 'node:worker_threads';
import { UnusableInput } from '../unusable-input.ts';
import type { WorkerOutput, WorkerReply, WorkerRequest } from '../worker-protocol.ts';

/** A job as a model's code sees it. */
export interface WorkerJob<I> {
  nativeId: string;
  input: I;
  /** The file that came for this input field. */
  file(field: string): Uint8Array;
  /** Share of the work that is done, 0..1. */
  progress(fraction: number): void;
}

const progressStep = 0.01;

/** Answers jobs in a worker thread, one after another. */
export function serveJobs<I>(run: (job: WorkerJob<I>) => Promise<WorkerOutput[]>): void {
  parentPort?.on('message', (request: WorkerRequest) => void answer(request, run));
}

async function answer<I>(
  request: WorkerRequest,
  run: (job: WorkerJob<I>) => Promise<WorkerOutput[]>,
): Promise<void> {
  const { jobId } = request;
  try {
    const outputs = await run(toJob(request));
    post({ type: 'succeeded', jobId, outputs });
  } catch (error) {
    if (error instanceof UnusableInput) post({ type: 'refused', jobId, message: error.message });
    else
      post({ type: 'broken', jobId, reason: error instanceof Error ? String(error.stack) : String(error) });
  }
}

function toJob<I>({ jobId, nativeId, input, files }: WorkerRequest): WorkerJob<I> {
  let shown = 0;
  return {
    nativeId,
    // as: the main thread has parsed it with the model's schema, whose type the worker names.
    input: input as I,
    file(field) {
      const file = files[field];
      if (file === undefined) throw new Error(`no file came for ${field}`);
      return file;
    },
    progress(fraction) {
      if (fraction - shown < progressStep) return;
      shown = fraction;
      post({ type: 'progress', jobId, fraction });
    },
  };
}

function post(reply: WorkerReply): void {
  const outputs = reply.type === 'succeeded' ? reply.outputs : [];
  const buffers = outputs.flatMap(({ bytes }) => (bytes === undefined ? [] : [bytes.buffer as ArrayBuffer])); // as: never shared memory
  parentPort?.postMessage(reply, buffers);
}

/** A copy that can be transferred: a `Buffer` is often a slice of a pool, or memory of a native library. */
export function ownBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}
