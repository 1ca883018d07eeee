import { type ErrorCode, errorCodes, type JsonObject } from '@inferry/contracts';

/** JSON-RPC error codes in use (JSON-RPC 2.0, section 5.1; MCP 2026-07-28, basic and transports). */
export const rpcCodes = {
  parse: -32_700,
  invalidRequest: -32_600,
  methodNotFound: -32_601,
  invalidParams: -32_602,
  internal: -32_603,
  server: -32_000,
  headerMismatch: -32_020,
  missingCapability: -32_021,
  unsupportedVersion: -32_022,
} as const;

/**
 * Why a request is not answered with a result. A plain value and not an Error: refusing must cost less than serving,
 * and a stack trace would be most of the cost.
 */
export interface Refusal {
  isRefusal: true;
  /** HTTP status, when nothing has been sent yet. */
  status: number;
  /** JSON-RPC error code. */
  code: number;
  message: string;
  /** Always has the stable `code` of `errorCodes`. */
  data: JsonObject & { code: ErrorCode };
  headers?: Readonly<Record<string, string>>;
}

export interface RefusalOptions {
  rpcCode?: number;
  nextAction?: string;
  retryAfterSeconds?: number;
  data?: JsonObject;
  headers?: Readonly<Record<string, string>>;
}

export function refuse(
  status: number,
  [code, message]: readonly [ErrorCode, string],
  options: RefusalOptions = {},
): Refusal {
  const { retryAfterSeconds, nextAction } = options;
  const retryAfter =
    retryAfterSeconds === undefined ? undefined : { 'retry-after': String(retryAfterSeconds) };
  return {
    isRefusal: true,
    status,
    code: options.rpcCode ?? rpcCodes.server,
    message,
    data: {
      code,
      message,
      ...(errorCodes[code].retryable ? { retryable: true } : {}),
      ...(retryAfterSeconds === undefined ? {} : { retry_after_seconds: retryAfterSeconds }),
      ...(nextAction === undefined ? {} : { next_action: nextAction }),
      ...options.data,
    },
    ...(options.headers === undefined && retryAfter === undefined
      ? {}
      : { headers: { ...retryAfter, ...options.headers } }),
  };
}

export function isRefusal(value: unknown): value is Refusal {
  return typeof value === 'object' && value !== null && 'isRefusal' in value;
}

/** The body is JSON, but not a message that this endpoint takes. */
export function refuseInvalid(message: string): Refusal {
  return refuse(400, ['invalid_request', message], { rpcCode: rpcCodes.invalidRequest });
}

/** Answered in band: the request arrived, its parameters are wrong (MCP 2026-07-28, tools, error handling). */
export function refuseParams(
  [code, message]: readonly [ErrorCode, string],
  options: Omit<RefusalOptions, 'rpcCode'> = {},
): Refusal {
  return refuse(200, [code, message], { ...options, rpcCode: rpcCodes.invalidParams });
}

export function refuseUnavailable(message: string): Refusal {
  return refuse(503, ['unavailable', message], { retryAfterSeconds: 2, nextAction: 'Retry.' });
}
