import { AppError } from '@inferry/contracts';

/**
 * The answer, or `deadline_exceeded` after so many milliseconds. The work goes on then, and what comes of it is nobody's: its
 * failure is not an unhandled one.
 */
export async function withDeadline<T>(
  work: Promise<T>,
  ms: number,
  message = 'No answer in time.',
): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new AppError('deadline_exceeded', message)), ms);
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
