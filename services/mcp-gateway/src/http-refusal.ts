/** Refusals as HTTP says them: the status of each, and what of it stands in headers. */
import { type ErrorCode, errorCodes } from '@inferry/contracts';
import { type Era, type Refusal, type RefusalOptions, refuse as refuseMessage, rpcCodes } from '@inferry/mcp';

export interface HttpRefusal extends Refusal {
  /** When nothing has been sent yet. */
  status: number;
  headers?: Readonly<Record<string, string>>;
}

interface HttpRefusalOptions extends RefusalOptions {
  headers?: Readonly<Record<string, string>>;
}

/** What this server refuses as an HTTP server. */
export function refuse(
  status: number,
  told: readonly [ErrorCode, string],
  { headers, ...options }: HttpRefusalOptions = {},
): HttpRefusal {
  return withHeaders({ ...refuseMessage(told, options), status }, headers);
}

export function refuseUnavailable(message: string): HttpRefusal {
  return refuse(503, ['unavailable', message], { retryAfterSeconds: 2, nextAction: 'Retry.' });
}

/** What the protocol tells by an error in a whole answer: a client that hears of HTTP alone would miss it. */
const inBand: Readonly<Record<Era, ReadonlySet<number>>> = {
  modern: new Set([rpcCodes.invalidParams, rpcCodes.internal]),
  legacy: new Set([
    rpcCodes.invalidParams,
    rpcCodes.internal,
    rpcCodes.resourceNotFound,
    rpcCodes.methodNotFound,
    rpcCodes.missingCapability,
  ]),
};

/**
 * A refusal of the protocol as an HTTP answer. `era` is that of a request that reached its method, which may be answered in
 * band (MCP 2026-07-28, transports); everything else has the status of its code.
 */
export function toHttp(refusal: Refusal | HttpRefusal, era?: Era): HttpRefusal {
  if ('status' in refusal) return refusal;
  const isInBand = era !== undefined && inBand[era].has(refusal.code);
  return withHeaders({ ...refusal, status: isInBand ? 200 : errorCodes[refusal.data.code].http });
}

function withHeaders(
  refusal: Refusal & { status: number },
  headers?: Readonly<Record<string, string>>,
): HttpRefusal {
  const { retry_after_seconds: seconds } = refusal.data;
  if (seconds === undefined) return headers === undefined ? refusal : { ...refusal, headers };
  return { ...refusal, headers: { 'retry-after': String(seconds), ...headers } };
}
