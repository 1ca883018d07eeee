import { type AppError, type ErrorCode, toAppError } from '@inferry/contracts';
import type { Reply } from '../exchange.ts';
import { type Refusal, refuse, rpcCodes } from '../json-rpc.ts';
import type { Era } from '../versions.ts';

/** Failures that are about what was asked for, so that asking again in the same way is of no use. */
const paramErrors: ReadonlySet<ErrorCode> = new Set([
  'prompt_not_found',
  'resource_not_found',
  'validation_failed',
  'invalid_cursor',
  'model_not_found',
  'run_not_found',
]);

/** A failed call to a service as a JSON-RPC error; undefined when nobody waits for an answer. */
export function refuseFailure(error: unknown): Reply {
  const failure = toAppError(error);
  if (failure.code === 'cancelled') return undefined;
  return toRefusal(failure, paramErrors.has(failure.code) ? rpcCodes.invalidParams : rpcCodes.internal);
}

/** There is no such resource for this caller (MCP 2026-07-28, resources: -32602 with `data.uri`). */
export function refuseResource(era: Era, uri: string): Refusal {
  return refuse(['resource_not_found', 'Resource not found.'], {
    rpcCode: era === 'modern' ? rpcCodes.invalidParams : rpcCodes.resourceNotFound,
    nextAction: 'resources/list and resources/templates/list tell what there is.',
    data: { uri },
  });
}

function toRefusal({ code, message, retryAfterSeconds, nextAction, details }: AppError, rpcCode: number) {
  return refuse([code, message], {
    rpcCode,
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
    ...(nextAction === undefined ? {} : { nextAction }),
    ...(details === undefined ? {} : { data: { details } }),
  });
}
