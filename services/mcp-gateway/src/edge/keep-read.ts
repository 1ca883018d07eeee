import type { Bus } from '@inferry/bus';
import type { Parts } from '@inferry/runtime';

export interface KeepReadOptions {
  /** The plural that the log says cannot be read. */
  what: string;
  /** Reads once; rejects when it could not. */
  read(): Promise<void>;
  log: Pick<Parts['log'], 'warn'>;
  /** How often it is read although nothing was heard, since an event may be lost. */
  refreshMs: number;
  /** How soon a failed reading is tried again: events may have been lost meanwhile. Default 500. */
  retryMs?: number | undefined;
  random?: (() => number) | undefined;
}

export interface KeptRead {
  /** The reading that is on its way. */
  readonly reading: Promise<void> | undefined;
  /** Reads now, or joins the reading that is on its way. Never rejects: what fails is logged and tried again. */
  refresh(): Promise<void>;
  /** Reads once more, after the reading that is on its way: its answer may be older than what was just heard. */
  refreshAfter(): Promise<void>;
  close(): void;
}

/** Keeps a copy of what another service holds: read at the start, on reconnect, every `refreshMs`, soon after a failure. */
export function keepRead(bus: Pick<Bus, 'onStatus'>, options: KeepReadOptions): KeptRead {
  const { what, log, refreshMs, retryMs = 500, random = Math.random } = options;
  let reading: Promise<void> | undefined;
  let hasFailed = false;
  let isClosed = false;
  let timer: NodeJS.Timeout | undefined;

  async function read(): Promise<void> {
    try {
      await options.read();
      hasFailed = false;
    } catch (error) {
      // Said once for each time of it.
      if (!hasFailed && !isClosed) log.warn({ err: error }, `${what} cannot be read`);
      hasFailed = true;
    }
    reading = undefined;
    if (isClosed) return;
    timer = setTimeout(refresh, (hasFailed ? retryMs : refreshMs) * (0.8 + 0.4 * random()));
    timer.unref();
  }

  function refresh(): Promise<void> {
    if (isClosed) return Promise.resolve();
    clearTimeout(timer);
    reading ??= read();
    return reading;
  }

  bus.onStatus((isConnected) => {
    if (isConnected) void refresh();
  });
  void refresh();

  return {
    get reading() {
      return reading;
    },
    refresh,
    refreshAfter: () => (reading ?? Promise.resolve()).then(refresh),
    close() {
      isClosed = true;
      clearTimeout(timer);
    },
  };
}
