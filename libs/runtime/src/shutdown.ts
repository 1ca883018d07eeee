export interface ShutdownOptions {
  log: { info(fields: object, message: string): void; error(fields: object, message: string): void };
  graceMs: number;
  /** How much longer `stop` may take before it is forced; asked when the signal comes. */
  lingerMs?(): number;
  /** Finishes or hands over what is in flight, then closes everything, in order. */
  stop(graceMs: number): Promise<void>;
}

/**
 * One signal often comes more than once: a terminal and a service manager signal whole groups, and each parent passes
 * it on. Only a later one is a person who has waited enough.
 */
const impatientAfterMs = 1_500;
/** What a process gets that stood still meanwhile: answers that came are to be read, and what they say written down. */
const catchUpMs = 6_000;

/**
 * Stops once on SIGTERM, SIGINT, SIGHUP or the end of the parent process: exit code 0 when `stop` ended in time, 1
 * when it did not. Another signal a while later ends the process at once.
 */
export function stopOnSignals({ log, graceMs, lingerMs, stop }: ShutdownOptions): void {
  let stoppingSince: number | undefined;
  const onSignal = (signal: NodeJS.Signals | 'disconnect') => {
    if (stoppingSince !== undefined) {
      if (signal !== 'disconnect' && performance.now() - stoppingSince > impatientAfterMs) process.exit(1);
      return;
    }
    stoppingSince = performance.now();
    log.info({ signal }, 'stopping');
    const begunAt = performance.now();
    const mostMs = graceMs + 2_000 + (lingerMs?.() ?? 0);
    const force = () => {
      log.error({ graceMs }, 'stopping took too long');
      process.exit(1);
    };
    const onDue = () => {
      const stoodStill = performance.now() - begunAt > mostMs + 500;
      if (stoodStill) setTimeout(force, catchUpMs).unref();
      else force();
    };
    setTimeout(onDue, mostMs).unref();
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
  if (process.connected) process.once('disconnect', () => onSignal('disconnect'));
}
