import { z } from 'zod';
import { type ErrorCode, errorCodes } from './error-codes.ts';

/** The error of a tool result (`structuredContent.error`), of an rpc reply and of `error.data` in JSON-RPC. */
export const ErrorEnvelope = z.object({
  code: z.string().describe('Stable snake_case code'),
  message: z.string().describe('Readable'),
  upstream_status: z.int().optional().describe('Upstream HTTP status'),
  retryable: z.boolean().optional().describe('Same call may succeed'),
  retry_after_seconds: z.int().optional().describe('Wait'),
  next_action: z.string().optional().describe('What to do'),
  details: z.record(z.string(), z.unknown()).optional().describe('Context, e.g. details.run'),
});
export type ErrorEnvelope = z.infer<typeof ErrorEnvelope>;

export interface AppErrorOptions {
  upstreamStatus?: number | undefined;
  retryAfterSeconds?: number | undefined;
  nextAction?: string | undefined;
  details?: ErrorEnvelope['details'] | undefined;
  cause?: unknown;
}

/** A refusal or failure that a caller may see. Anything else that reaches a boundary becomes `internal`. */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: ErrorCode;
  readonly upstreamStatus: number | undefined;
  readonly retryAfterSeconds: number | undefined;
  readonly nextAction: string | undefined;
  readonly details: ErrorEnvelope['details'] | undefined;

  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.upstreamStatus = options.upstreamStatus;
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.nextAction = options.nextAction;
    this.details = options.details;
  }

  get retryable(): boolean {
    return errorCodes[this.code].retryable;
  }

  toEnvelope(): ErrorEnvelope {
    const envelope: ErrorEnvelope = { code: this.code, message: this.message };
    if (this.upstreamStatus !== undefined) envelope.upstream_status = this.upstreamStatus;
    if (this.retryable) envelope.retryable = true;
    if (this.retryAfterSeconds !== undefined) envelope.retry_after_seconds = this.retryAfterSeconds;
    if (this.nextAction !== undefined) envelope.next_action = this.nextAction;
    if (this.details !== undefined) envelope.details = this.details;
    return envelope;
  }

  /** Rebuilds the error on the caller's side of the bus; an unknown code becomes `internal`. */
  static fromEnvelope(envelope: ErrorEnvelope): AppError {
    const code = isErrorCode(envelope.code) ? envelope.code : 'internal';
    return new AppError(code, envelope.message, {
      upstreamStatus: envelope.upstream_status,
      retryAfterSeconds: envelope.retry_after_seconds,
      nextAction: envelope.next_action,
      details: envelope.details,
    });
  }
}

export function isErrorCode(value: string): value is ErrorCode {
  return Object.hasOwn(errorCodes, value);
}

/** Any thrown value as an `AppError`; what is not one already becomes `internal` with no detail. */
export function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  return new AppError('internal', 'Something went wrong here. Try again; if it repeats, report it.', {
    cause: error,
  });
}
