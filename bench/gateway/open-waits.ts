import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { steps, waitStepMs } from './servers/answers.ts';
import { toRequests, waitWorkload } from './workloads.ts';

export interface OpenWaitsOptions {
  port: number;
  waits: number;
  waitSeconds: number;
  /** Waits opened in a second. */
  perSecond: number;
  /** False while the bench itself holds up the server. */
  isCounted?: () => boolean;
}

export interface WaitsOutcome {
  complete: number;
  failed: number;
  sample: string | undefined;
  /** Milliseconds that each progress message came after its time, counted from when the request was sent. */
  lateMs: number[];
}

export interface OpenWaits {
  /** Resolves when every request has its first answer. */
  opened: Promise<void>;
  outcome: Promise<WaitsOutcome>;
}

const needle = 'notifications/progress';
const extraMs = 20_000;

/** Opens waits, each on a connection of its own, and follows them to their end. */
export function openWaits(options: OpenWaitsOptions): OpenWaits {
  const outcome: WaitsOutcome = { complete: 0, failed: 0, sample: undefined, lateMs: [] };
  const opened = Promise.withResolvers<void>();
  const requests = toRequests(waitWorkload(options.waitSeconds), options.port);
  let isOpen = 0;
  const onOpen = () => {
    isOpen += 1;
    if (isOpen === options.waits) opened.resolve();
  };

  async function follow(index: number): Promise<void> {
    const problem = await followStream(requests[index % requests.length] ?? Buffer.alloc(0), {
      ...options,
      // Several addresses, so that ports do not run out.
      localAddress: `127.0.0.${2 + (index % 8)}`,
      onOpen,
      onProgress(lateMs) {
        if (options.isCounted?.() !== false) outcome.lateMs.push(lateMs);
      },
    });
    if (problem === undefined) outcome.complete += 1;
    else outcome.failed += 1;
    outcome.sample ??= problem;
  }

  async function all(): Promise<WaitsOutcome> {
    const startedAt = performance.now();
    const streams: Promise<void>[] = [];
    for (let index = 0; index < options.waits; index += 1) {
      const dueMs = (index * 1_000) / options.perSecond - (performance.now() - startedAt);
      if (dueMs > 5) await sleep(dueMs);
      streams.push(follow(index));
    }
    await Promise.all(streams);
    // If some failed, nobody waits longer for them to open.
    opened.resolve();
    return outcome;
  }

  return { opened: opened.promise, outcome: all() };
}

interface StreamOptions extends OpenWaitsOptions {
  localAddress: string;
  onOpen(): void;
  onProgress(lateMs: number): void;
}

/** One wait to its end; resolves with what was wrong with it. */
function followStream(request: Buffer, options: StreamOptions): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const expected = Math.floor((options.waitSeconds * 1_000) / waitStepMs);
  const socket = connect({ port: options.port, host: '127.0.0.1', localAddress: options.localAddress });
  let tail = '';
  let heard = 0;
  let sentAt = 0;
  const end = (problem: string | undefined) => {
    resolve(problem);
    socket.destroy();
  };
  socket.once('connect', () => {
    sentAt = performance.now();
    socket.write(request);
  });
  socket.once('data', options.onOpen);
  socket.on('data', (chunk: Buffer) => {
    tail += chunk.toString('latin1');
    for (let at = tail.indexOf(needle); at >= 0; at = tail.indexOf(needle)) {
      heard += 1;
      options.onProgress(performance.now() - sentAt - heard * waitStepMs);
      tail = tail.slice(at + needle.length);
    }
    if (!tail.includes(`sent ${steps}`)) tail = tail.slice(-1_000);
    else end(heard === expected ? undefined : `${heard} of ${expected} progress messages`);
  });
  socket.setTimeout(options.waitSeconds * 1_000 + extraMs, () => end('no answer in time'));
  socket.once('error', (error) => end(error.message));
  socket.once('close', () => end(`closed after: ${tail.slice(-200)}`));
  return promise;
}
