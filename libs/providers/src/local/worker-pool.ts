import { Worker } from 'node:worker_threads';
import type { WorkerOutput, WorkerReply, WorkerRequest } from './worker-protocol.ts';

/** How a task ended: `refused` means that the input is at fault. */
export type TaskResult =
  | { type: 'succeeded'; outputs: WorkerOutput[] }
  | { type: 'refused'; message: string }
  | { type: 'failed'; message: string };

/** A job on a worker. `stop` ends the worker with it: the only way to stop a computation that does not yield. */
export interface Task {
  result: Promise<TaskResult>;
  stop(): void;
}

/** Something that went wrong in our own code or in a packaged model, for the host's log. */
export interface Fault {
  nativeId: string;
  reason: string;
}

export interface WorkerPoolOptions<F extends string> {
  workerFile(family: F): URL;
  /** An unused worker is ended after this long, so that its memory goes back. */
  idleMs: number;
  /** More unused workers than this are not kept; the longest unused goes first. */
  maxIdle: number;
  onFault(fault: Fault): void;
}

interface Busy {
  request: WorkerRequest;
  onProgress(fraction: number): void;
  settle(result: TaskResult): void;
}

interface Slot<F> {
  family: F;
  worker: Worker;
  busy?: Busy | undefined;
  idleTimer?: NodeJS.Timeout | undefined;
  isGone: boolean;
}

/** A worker that outgrows this is ended by the runtime, and the process lives on. */
const resourceLimits = { maxOldGenerationSizeMb: 1024 };

/** Worker threads by family: started when needed, kept warm for a while, replaced when they break. */
export class WorkerPool<F extends string> {
  readonly #options: WorkerPoolOptions<F>;
  readonly #slots = new Set<Slot<F>>();

  constructor(options: WorkerPoolOptions<F>) {
    this.#options = options;
  }

  /** Live worker threads, busy or warm. */
  get size(): number {
    return this.#slots.size;
  }

  run(family: F, request: WorkerRequest, onProgress: (fraction: number) => void): Task {
    const slot = this.#idle().find((candidate) => candidate.family === family) ?? this.#start(family);
    clearTimeout(slot.idleTimer);
    slot.worker.ref();
    const result = new Promise<TaskResult>((settle) => {
      slot.busy = { request, onProgress, settle };
    });
    slot.worker.postMessage(
      request,
      Object.values(request.files).map((file) => file.buffer as ArrayBuffer), // as: never shared memory
    );
    const stop = () => {
      if (slot.busy?.request !== request) return;
      void this.#end(slot);
      this.#settle(slot, { type: 'failed', message: 'The run was stopped.' });
    };
    return { result, stop };
  }

  async close(): Promise<void> {
    await Promise.all([...this.#slots].map((slot) => this.#end(slot)));
  }

  #idle(): Slot<F>[] {
    return [...this.#slots].filter((slot) => slot.busy === undefined);
  }

  #start(family: F): Slot<F> {
    const worker = new Worker(this.#options.workerFile(family), {
      name: `inferry-${family}`,
      resourceLimits,
      // Packages print to the console; stdout may be the MCP stdio transport, so nothing of theirs may reach it.
      stdout: true,
      stderr: true,
      // The deployment's keys are in the environment, and no model needs it.
      env: {},
      execArgv: [],
    });
    worker.stdout.resume();
    worker.stderr.resume();
    const slot: Slot<F> = { family, worker, isGone: false };
    this.#slots.add(slot);
    worker.on('message', (reply: WorkerReply) => this.#receive(slot, reply));
    worker.on('error', (error) => this.#crash(slot, error));
    worker.on('exit', (code) => this.#crash(slot, new Error(`worker exited with code ${code}`)));
    return slot;
  }

  #receive(slot: Slot<F>, reply: WorkerReply): void {
    if (slot.busy?.request.jobId !== reply.jobId) return;
    switch (reply.type) {
      case 'progress':
        slot.busy.onProgress(reply.fraction);
        return;
      case 'broken':
        this.#crash(slot, new Error(reply.reason));
        return;
      case 'refused':
      case 'succeeded':
        this.#settle(slot, reply);
        this.#rest(slot);
    }
  }

  /** The worker is free: it stays warm, unless too many do. */
  #rest(slot: Slot<F>): void {
    slot.worker.unref();
    slot.idleTimer = setTimeout(() => void this.#end(slot), this.#options.idleMs);
    slot.idleTimer.unref();
    // The set keeps the order of insertion, so moving it to the end keeps the longest unused first.
    this.#slots.delete(slot);
    this.#slots.add(slot);
    const idle = this.#idle();
    if (idle.length > this.#options.maxIdle && idle[0] !== undefined) void this.#end(idle[0]);
  }

  #crash(slot: Slot<F>, error: unknown): void {
    if (slot.isGone) return;
    const isOutOfMemory =
      error instanceof Error && 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY';
    const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#options.onFault({ nativeId: slot.busy?.request.nativeId ?? slot.family, reason });
    void this.#end(slot);
    this.#settle(slot, {
      type: 'failed',
      message: isOutOfMemory
        ? 'The model ran out of memory. Send a smaller input.'
        : 'The model stopped unexpectedly. Run it again; if it repeats, change the input.',
    });
  }

  #settle(slot: Slot<F>, result: TaskResult): void {
    const busy = slot.busy;
    slot.busy = undefined;
    busy?.settle(result);
  }

  async #end(slot: Slot<F>): Promise<void> {
    if (slot.isGone) return;
    slot.isGone = true;
    clearTimeout(slot.idleTimer);
    this.#slots.delete(slot);
    await slot.worker.terminate();
  }
}
