/** A wait that a signal ends, while the work that is waited for goes on and its failure is nobody's. */

/** The answer of the work, unless the signal comes first: then its reason, or what `toError` makes of it. */
export async function unlessAborted<T>(
  work: Promise<T>,
  signal: AbortSignal,
  toError: () => unknown = () => signal.reason,
): Promise<T> {
  const { promise: cut, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(toError());
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([work, cut]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
