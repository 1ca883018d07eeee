/**
 * Looks at strangers' pictures and films in processes of their own: bounded in memory, time and what they may read.
 * One that dies, hangs or grows is a file that cannot be shown, and nothing else.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { AppError } from '@inferry/contracts';
import type { ByteSource } from './byte-source.ts';
import { notViewable } from './not-viewable.ts';
import {
  type Picture,
  type SheetCell,
  type ViewerMessage,
  ViewReply,
  type ViewRequest,
} from './view-protocol.ts';

export interface ViewerOptions {
  /** What decoding one file may take, beside the process itself. */
  memoryMb: number;
  timeoutMs: number;
  /** An unused process is kept so long. */
  idleMs?: number | undefined;
}

export type Look = Pick<ViewRequest, 'contentType' | 'maxPx' | 'atSeconds' | 'ffmpegPath'>;

export interface Viewer {
  /** Throws `not_viewable` for what cannot be shown, `cancelled` when the signal is aborted. */
  view(source: ByteSource, look: Look, signal: AbortSignal): Promise<Picture>;
  /** One picture of many small ones. */
  compose(cells: readonly SheetCell[], cellPx: number, signal: AbortSignal): Promise<Picture>;
  /** Ids of the processes there are. */
  processes(): number[];
  close(): Promise<void>;
}

/** Of the runtime with what it has loaded, as measured; what it reserves without using counts as data as well. */
const ownMb = 96;
const reservedMb = 672;
const heapMb = 192;
const watchEveryMs = 25;
const maxReadBytes = 224 * 1024 * 1024;
const maxReads = 4_000;
/** A process that has grown, or has seen much, gives way to a new one. */
const maxLooks = 50;
const cpuSeconds = 600;

interface Slot {
  child: ChildProcess;
  looks: number;
  idleTimer: NodeJS.Timeout | undefined;
}

/** From source the TypeScript file; a bundle carries it as `workers/view-process.js` beside the chunk with this. */
function processFile(): string {
  const isSource = import.meta.url.endsWith('.ts');
  return fileURLToPath(
    new URL(isSource ? './view-process.ts' : './workers/view-process.js', import.meta.url),
  );
}

/** Whoever composes reads no file. */
const noBytes: ByteSource = { sizeBytes: 0, read: async () => Buffer.alloc(0) };

export function createViewer({ memoryMb, timeoutMs, idleMs = 60_000 }: ViewerOptions): Viewer {
  const all = new Set<Slot>();
  let idle: Slot[] = [];

  function start(): Slot {
    const slot = { child: startProcess(memoryMb), looks: 0, idleTimer: undefined };
    all.add(slot);
    slot.child.once('exit', () => forget(slot));
    // One that could not be started has no exit.
    slot.child.once('error', () => forget(slot));
    return slot;
  }

  function forget(slot: Slot): void {
    clearTimeout(slot.idleTimer);
    all.delete(slot);
    idle = idle.filter((each) => each !== slot);
  }

  function rest(slot: Slot): void {
    const isFresh = slot.looks < maxLooks && (residentMb(slot.child.pid) ?? 0) < ownMb * 2;
    if (!isFresh || idle.length > 0 || !slot.child.connected) return void end(slot.child);
    slot.child.unref();
    slot.child.channel?.unref();
    slot.idleTimer = setTimeout(() => void end(slot.child), idleMs);
    slot.idleTimer.unref();
    idle.push(slot);
  }

  async function ask(message: ViewerMessage, source: ByteSource, signal: AbortSignal): Promise<Picture> {
    const slot = idle.pop() ?? start();
    clearTimeout(slot.idleTimer);
    slot.looks += 1;
    slot.child.ref();
    slot.child.channel?.ref();
    try {
      return await converse(slot.child, { source, message, memoryMb, timeoutMs, signal });
    } finally {
      if (slot.child.connected && !slot.child.killed) rest(slot);
    }
  }

  return {
    view(source, look, signal) {
      const request = { ...look, sizeBytes: source.sizeBytes, memoryMb };
      return ask({ type: 'view', request }, source, signal);
    },
    compose: (cells, cellPx, signal) => ask({ type: 'compose', cells, cellPx }, noBytes, signal),
    processes: () => [...all].flatMap(({ child }) => child.pid ?? []),
    async close() {
      await Promise.all([...all].map(({ child }) => end(child)));
    },
  };
}

function startProcess(memoryMb: number): ChildProcess {
  const options = [`--max-old-space-size=${heapMb}`, '--max-semi-space-size=8'];
  const quiet = ['--disable-warning=ExperimentalWarning'];
  const command = [process.execPath, ...options, ...quiet, processFile()];
  const settings = {
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    serialization: 'advanced',
    // A group of its own, so that what it starts ends with it.
    detached: process.platform !== 'win32',
    // It needs nothing of ours, least of all our secrets.
    env: {},
  } as const;
  if (process.platform === 'win32')
    return spawn(command[0] ?? '', command.slice(1), { ...settings, stdio: [...settings.stdio] });
  // Where the system counts, it refuses more memory; where that runs out, this process is the first to go.
  const bounds = [
    `ulimit -d ${(memoryMb + reservedMb) * 1024}`,
    `ulimit -t ${cpuSeconds}`,
    'ulimit -c 0',
    '[ -w /proc/self/oom_score_adj ] && echo 1000 > /proc/self/oom_score_adj',
  ].join(' 2>/dev/null; ');
  const script = `${bounds} 2>/dev/null; exec "$0" "$@"`;
  return spawn('/bin/sh', ['-c', script, ...command], { ...settings, stdio: [...settings.stdio] });
}

interface Conversation {
  source: ByteSource;
  message: ViewerMessage;
  memoryMb: number;
  timeoutMs: number;
  signal: AbortSignal;
}

/** One file; the process is ended when it does not come to an end by itself. */
async function converse(child: ChildProcess, talk: Conversation): Promise<Picture> {
  const { source, message, memoryMb, timeoutMs, signal } = talk;
  const { promise, resolve, reject } = Promise.withResolvers<Picture>();
  const stop = (reason: Error) => {
    reject(reason);
    void end(child);
  };
  const onAbort = () => stop(new AppError('cancelled', 'The caller no longer waits.'));
  const onMessage = reader(source, { child, resolve, reject, stop });
  const onGone = () => reject(notViewable('The file cannot be decoded: decoding it broke off.'));
  const deadline = setTimeout(() => stop(notViewable('The file takes too long to decode.')), timeoutMs);
  const watch = setInterval(() => {
    if ((residentMb(child.pid) ?? 0) > memoryMb + ownMb)
      stop(notViewable('The file takes more memory to decode than there is for one.'));
  }, watchEveryMs);
  signal.addEventListener('abort', onAbort, { once: true });
  child.on('message', onMessage).once('exit', onGone).once('error', onGone);
  try {
    if (signal.aborted) onAbort();
    else tell(child, message);
    return await promise;
  } finally {
    clearTimeout(deadline);
    clearInterval(watch);
    signal.removeEventListener('abort', onAbort);
    child.off('message', onMessage).off('exit', onGone).off('error', onGone);
  }
}

interface Settling {
  child: ChildProcess;
  resolve(picture: Picture): void;
  reject(reason: Error): void;
  stop(reason: Error): void;
}

/** Answers what the process asks for, within bounds, and takes its result. */
function reader(source: ByteSource, { child, resolve, reject, stop }: Settling): (message: unknown) => void {
  let readBytes = 0;
  let reads = 0;
  return (message) => {
    const { data: reply } = ViewReply.safeParse(message);
    if (reply === undefined) return stop(notViewable('The file cannot be decoded.'));
    if (reply.type === 'shown') return resolve(reply.picture);
    if (reply.type === 'refused') return reject(notViewable(reply.message, reply.nextAction));
    readBytes += reply.length;
    reads += 1;
    if (readBytes > maxReadBytes || reads > maxReads) {
      return stop(notViewable('Too much of the file has to be read for this.'));
    }
    source.read(reply.start, reply.length).then(
      (bytes) => tell(child, { type: 'bytes', bytes }),
      () => tell(child, { type: 'bytes', bytes: undefined }),
    );
  };
}

/** Whoever has gone meanwhile hears nothing: its end is told by itself. */
function tell(child: ChildProcess, message: ViewerMessage): void {
  if (child.connected) child.send(message, () => undefined);
}

/** With what it has started, which it would leave behind. */
async function end(child: ChildProcess): Promise<void> {
  const { pid } = child;
  if (pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  // It may have been let go while it was idle.
  child.ref();
  const gone = new Promise((resolve) => child.once('exit', resolve));
  const started = childrenOf(pid);
  for (const each of started) kill(each);
  // It takes note of their end, as nobody else would.
  if (started.length > 0) await sleep(20);
  child.kill('SIGKILL');
  kill(-pid);
  await gone;
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

/** What a process and those that it started hold in memory; undefined where the system does not tell. */
function residentMb(pid: number | undefined): number | undefined {
  if (pid === undefined) return undefined;
  const own = residentOf(pid);
  if (own === undefined) return undefined;
  return childrenOf(pid).reduce((sum, each) => sum + (residentOf(each) ?? 0), own);
}

function residentOf(pid: number): number | undefined {
  const [, kib] = /^VmRSS:\s+(\d+) kB/m.exec(readProc(`${pid}/status`)) ?? [];
  return kib === undefined ? undefined : Number(kib) / 1024;
}

function childrenOf(pid: number): number[] {
  return readProc(`${pid}/task/${pid}/children`)
    .split(' ')
    .map(Number)
    .filter((each) => each > 0);
}

function readProc(path: string): string {
  try {
    return readFileSync(`/proc/${path}`, 'latin1');
  } catch {
    // Another system, or the process has ended.
    return '';
  }
}
