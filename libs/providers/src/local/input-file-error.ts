/** An input file that could not be read; the message tells the caller what to do. */
export class InputFileError extends Error {
  override readonly name = 'InputFileError';
  readonly code: 'validation_failed' | 'upstream_failed';

  constructor(code: 'validation_failed' | 'upstream_failed', message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}
