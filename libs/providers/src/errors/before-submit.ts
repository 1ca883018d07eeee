import { AppError, type ErrorCode } from '@inferry/contracts';

/** What the poller would read as "it may have been taken". */
const uncertain: ReadonlySet<ErrorCode> = new Set([
  'upstream_malformed',
  'deadline_exceeded',
  'cancelled',
  'unavailable',
]);

/** A read that a submit needs first: whatever it fails with, nothing was sent, and the run may be sent later. */
export async function beforeSubmit<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof AppError) || !uncertain.has(error.code)) throw error;
    const { message, upstreamStatus } = error;
    throw new AppError('upstream_unavailable', message, { upstreamStatus, cause: error });
  }
}
