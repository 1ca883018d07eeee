import { AppError, type ErrorCode, toAppError } from '@inferry/contracts';

const statusOf: Partial<Record<ErrorCode, number>> = {
  validation_failed: 400,
  forbidden: 403,
  not_found: 404,
  asset_not_found: 404,
  asset_not_ready: 404,
  method_not_allowed: 405,
  deadline_exceeded: 408,
  upload_expired: 410,
  upload_too_large: 413,
  upload_mismatch: 422,
  rate_limited: 429,
  cancelled: 499,
  busy: 503,
  unavailable: 503,
};

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
  const headers: Record<string, string> = {
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  };
  if (error.retryAfterSeconds !== undefined) headers['retry-after'] = String(error.retryAfterSeconds);
  const body = {
    error: { code, message, ...(nextAction === undefined ? {} : { next_action: nextAction }) },
  };
  return { status: statusOf[error.code] ?? 500, headers, body };
}

/** The framework's own refusals: malformed paths, headers and methods. */
function isBadRequest(error: unknown): boolean {
  if (error instanceof AppError || !(error instanceof Error) || !('statusCode' in error)) return false;
  return typeof error.statusCode === 'number' && error.statusCode >= 400 && error.statusCode < 500;
}

export function noSuchFile(): AppError {
  return new AppError('asset_not_found', 'There is no such file, or its link has ended.', {
    nextAction: 'Ask for a fresh link: get_run for an output, create_upload for a file of yours.',
  });
}
