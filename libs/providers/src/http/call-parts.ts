import { AppError, JsonTooLarge, type ReadJsonOptions, readJson, writeJson } from '@inferry/contracts';
import type { Dispatcher } from 'undici';
import type { ProviderContext } from '../provider.ts';
import type { Call } from './call.ts';

/** The platform took the call and answered something that is not in its contract. */
export function malformed(title: string, upstreamStatus: number, cause: unknown): AppError {
  return new AppError('upstream_malformed', `${title} answered something that cannot be read.`, {
    upstreamStatus,
    cause,
  });
}

export function redirected(title: string, upstreamStatus: number): AppError {
  return new AppError('upstream_malformed', `${title} answered with a redirect, which is never followed.`, {
    upstreamStatus,
  });
}

export function isTransient(error: unknown): boolean {
  return (
    error instanceof AppError && (error.code === 'upstream_unavailable' || error.code === 'deadline_exceeded')
  );
}

export function bodyOf({ json, form, bytes }: Call): NonNullable<Dispatcher.RequestOptions['body']> | null {
  if (json !== undefined) return writeJson(json);
  if (form !== undefined) return form;
  return bytes ?? null;
}

/**
 * JSON where it is JSON, text where it is not; nothing at all for an empty body. Whole numbers beyond 2^53 come as their
 * digits unless `integers` says otherwise, since most of them are identifiers. Throws `JsonTooLarge`.
 */
export function parseBody(bytes: Buffer, integers: ReadJsonOptions['integers'] = 'text'): unknown {
  const text = bytes.toString('utf8');
  if (text === '') return undefined;
  try {
    return readJson(text, { integers, isLenient: true });
  } catch (error) {
    if (error instanceof JsonTooLarge) throw error;
    // The schema says whether text will do.
    return text;
  }
}

/** A body that is too deep or too much is as little an answer as one of the wrong form. */
export function readable<T>(read: () => T, status: number, title: string): T {
  try {
    return read();
  } catch (error) {
    throw malformed(title, status, error);
  }
}

export function textOf(bytes: Buffer): string | undefined {
  return bytes.byteLength === 0 ? undefined : bytes.toString('utf8');
}

export function flat(
  headers: Record<string, string | string[] | undefined>,
): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : value]),
  );
}

export async function* guarded<T>(
  source: AsyncIterable<T>,
  toError: (error: unknown) => AppError,
): AsyncGenerator<T> {
  try {
    yield* source;
  } catch (error) {
    throw toError(error);
  }
}

/** What must not come back in an error: the key, and each half of one such as `id:secret`. */
export function secretsOf({ credential }: ProviderContext): string[] {
  const key = credential?.reveal();
  return key === undefined ? [] : [key, ...key.split(':').filter((part) => part.length >= 8)];
}
