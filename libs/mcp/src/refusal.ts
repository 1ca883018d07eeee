/** Refusals as the protocol says them; what they are on a transport is the transport's business. */
import { type ErrorCode, errorCodes, type JsonObject } from '@inferry/contracts';

/** JSON-RPC error codes in use (JSON-RPC 2.0, section 5.1; MCP 2026-07-28, basic and transports). */
export const rpcCodes = {
  parse: -32_700,
  invalidRequest: -32_600,
  methodNotFound: -32_601,
  invalidParams: -32_602,
  internal: -32_603,
  server: -32_000,
  /** Of the legacy revisions alone (MCP 2025-11-25, resources, error handling). */
  resourceNotFound: -32_002,
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
  /** JSON-RPC error code. */
  code: number;
  message: string;
  /** Always has the stable `code` of `errorCodes`. */
  data: JsonObject & { code: ErrorCode; retry_after_seconds?: number };
}

export interface RefusalOptions {
  rpcCode?: number;
  nextAction?: string;
  retryAfterSeconds?: number;
  data?: JsonObject;
}

export function refuse(
  [code, message]: readonly [ErrorCode, string],
  { rpcCode = rpcCodes.server, retryAfterSeconds, nextAction, data }: RefusalOptions = {},
): Refusal {
  return {
    isRefusal: true,
    code: rpcCode,
    message,
    data: {
      code,
      message,
      ...(errorCodes[code].retryable ? { retryable: true } : {}),
      ...(retryAfterSeconds === undefined ? {} : { retry_after_seconds: retryAfterSeconds }),
      ...(nextAction === undefined ? {} : { next_action: nextAction }),
      ...data,
    },
  };
}

export function isRefusal(value: unknown): value is Refusal {
  return typeof value === 'object' && value !== null && 'isRefusal' in value;
}

/** What came is JSON, but not a message that is taken here. */
export function refuseInvalid(message: string): Refusal {
  return refuse(['invalid_request', message], { rpcCode: rpcCodes.invalidRequest });
}

/** The request arrived, its parameters are wrong (MCP 2026-07-28, tools, error handling). */
export function refuseParams(
  told: readonly [ErrorCode, string],
  options: Omit<RefusalOptions, 'rpcCode'> = {},
): Refusal {
  return refuse(told, { ...options, rpcCode: rpcCodes.invalidParams });
}
