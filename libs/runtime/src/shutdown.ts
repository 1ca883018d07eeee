import type { Logger } from 'pino';

export interface ShutdownOptions {
  log: Logger;
  graceMs: number;
  /** Finishes or hands over what is in flight, then closes everything, in order. */
  stop(graceMs: number): Promise<void>;
}

/**
 * Stops once on SIGTERM, SIGINT, SIGHUP or the end of the parent process: exit code 0 when `stop` ended in time, 1 when it did not. A second signal
 * ends the process at once.
 */
export function stopOnSignals({ log, graceMs, stop }: ShutdownOptions): void {
  let isStopping = false;
  const onSignal = (signal: NodeJS.Signals | 'disconnect') => {
    if (isStopping) process.exit(1);
    isStopping = true;
    log.info({ signal }, 'stopping');
    const deadline = setTimeout(() => {
      log.error({ graceMs }, 'stopping took too long');
      process.exit(1);
    }, graceMs + 2_000);
    deadline.unref();
    stop(graceMs).then(
      () => process.exit(0),
      (error: unknown) => {
        log.error({ err: error }, 'stopping failed');
        process.exit(1);
      },
    );
  };
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, onSignal);
  // Started by another process over a channel: without it nobody would end this one.
  if (process.connected) process.once('disconnect', () => isStopping || onSignal('disconnect'));
}
