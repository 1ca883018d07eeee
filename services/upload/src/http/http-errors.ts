import {
  AppError,
  callOf,
  createUpload,
  errorCodes,
  getRun,
  hint,
  inWords,
  plainWords,
  toAppError,
} from '@inferry/contracts';

/** A file that comes too slowly is its sender's matter, where elsewhere it is ours (RFC 9110, section 15.5.9). */
const slowFile = 408;

export interface HttpError {
  status: number;
  headers: Record<string, string>;
  body: { error: { code: string; message: string; next_action?: string } };
}

/** An error as the data plane answers it: JSON with a stable code, never cached. */
export function toHttpError(thrown: unknown): HttpError {
  const error = isBadRequest(thrown)
    ? new AppError('validation_failed', 'The request is not valid.', { nextAction: 'Check the URL.' })
    : toAppError(thrown);
  const { code, message, next_action: nextAction } = error.toEnvelope();
  const say = (text: string) => inWords(text, plainWords);
  const headers: Record<string, string> = {
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  };
  if (error.retryAfterSeconds !== undefined) headers['retry-after'] = String(error.retryAfterSeconds);
  const body = {
    error: {
      code,
      message: say(message),
      ...(nextAction === undefined ? {} : { next_action: say(nextAction) }),
    },
  };
  const status = error.code === 'deadline_exceeded' ? slowFile : errorCodes[error.code].http;
  return { status, headers, body };
}

/** The framework's own refusals: malformed paths, headers and methods. */
function isBadRequest(error: unknown): boolean {
  if (error instanceof AppError || !(error instanceof Error) || !('statusCode' in error)) return false;
  return typeof error.statusCode === 'number' && error.statusCode >= 400 && error.statusCode < 500;
}

export function noSuchFile(): AppError {
  return new AppError('asset_not_found', 'There is no such file, or its link has ended.', {
    nextAction: hint`Ask for a fresh link: ${callOf(getRun)} for an output, ${callOf(createUpload)} for a file of yours.`,
  });
}
