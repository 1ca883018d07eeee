import { AppError, callOf, createUpload, hint } from '@inferry/contracts';

export function urlRejected(message: string): AppError {
  return new AppError('url_rejected', message.startsWith('`') ? message : `\`url\`: ${message}`, {
    details: { field: 'url' },
    nextAction: `Pass a public http(s) URL${hint`, or upload the file with ${callOf(createUpload)}`}.`,
  });
}

export function fetchFailed(message: string, options: { status?: number; cause?: unknown } = {}): AppError {
  return new AppError('url_fetch_failed', message, {
    details: { field: 'url' },
    upstreamStatus: options.status,
    cause: options.cause,
    nextAction: `Check that the URL is public and try again${hint`, or upload the file with ${callOf(createUpload)}`}.`,
  });
}

/** What a socket or HTTP error becomes; a refusal of ours stays itself, however deep it is wrapped. */
export function toFetchError(error: unknown): AppError {
  for (let current = error; current instanceof Error; current = current.cause) {
    if (current instanceof AppError) return withAdvice(current);
    if (current instanceof AggregateError) {
      const own = current.errors.find((each) => each instanceof AppError);
      if (own instanceof AppError) return withAdvice(own);
    }
  }
  return fetchFailed('The URL could not be read.', { cause: error });
}

/** The agent refuses addresses without knowing what for. */
function withAdvice(error: AppError): AppError {
  return error.code === 'url_rejected' ? urlRejected(error.message) : error;
}
