import {
  type AnyOperation,
  type AnyTool,
  isObject,
  type JsonObject,
  type WaitBudget,
} from '@inferry/contracts';
import type { Resumptions } from '../client/resumptions.ts';
import type { Exchange } from '../exchange.ts';
import { type ProgressReporter, readProgressToken } from '../progress.ts';
import { toArguments } from '../tasks/call-as-task.ts';

/** The revision that has events which only carry an id (SEP-1699). */
const firstWithPrimers = '2025-11-25';

/** What goes over the bus: the call as the client made it, or the one that goes on with it. */
export function toCall(tool: AnyTool, exchange: Exchange): { operation: AnyOperation; args: unknown } {
  const { operation } = tool;
  const { resumed } = exchange;
  if (resumed === undefined) return { operation, args: toArguments(tool, exchange) };
  return { operation: operation.continuation?.operation ?? operation, args: resumed.args };
}

/** How long a call is to wait, as its client said it. */
export function askedSeconds(tool: Pick<AnyTool, 'waitSeconds'>, args: unknown): number | undefined {
  if (!isObject(args)) return undefined;
  if (tool.waitSeconds !== undefined) return tool.waitSeconds(args);
  const { wait_seconds: wish } = args;
  const asked = wish === undefined || wish === null || wish === '' ? Number.NaN : Number(wish);
  return asked >= 0 ? asked : undefined;
}

/** The client's patience began with the first call. */
export function leftOf({ defaultSeconds, maxSeconds }: WaitBudget, passedMs: number): WaitBudget {
  const left = (seconds: number) => Math.max(0, seconds - passedMs / 1_000);
  return { defaultSeconds: left(defaultSeconds), maxSeconds: left(maxSeconds) };
}

/**
 * Gives the stream a name by which its rest can be fetched when it breaks: clients of the legacy era wait for the end
 * of their patience otherwise. In the modern era a broken stream is a lost request (MCP 2026-07-28, transports).
 */
export function makeResumable(
  resumptions: Resumptions,
  exchange: Exchange,
  call: {
    tool: AnyTool;
    startedAt: number;
    known: Record<string, string>;
    reporter: ProgressReporter | undefined;
  },
): void {
  const { era, channel, request, version, isAssumed } = exchange;
  const { tool, startedAt, known, reporter } = call;
  const { continuation } = tool.operation;
  if (era === 'modern' || !channel.canStream || continuation === undefined) return;
  // Earlier revisions have no events without content.
  if (reporter === undefined && version < firstWithPrimers) return;
  const { arguments: given } = request.params;
  const first: JsonObject = tool.toCall?.(given ?? {}) ?? (isObject(given) ? given : {});
  const next =
    continuation.input === undefined ? first : continuation.input(known, askedSeconds(tool, first));
  const args = exchange.resumed?.args ?? next;
  if (args === undefined) return;
  const progressToken = readProgressToken(request.meta);
  const name = resumptions.name(
    { requestId: request.id, progressToken, version, isAssumed, tool: tool.name, args, startedAt },
    exchange,
  );
  if (reporter === undefined) channel.prime(name);
  else reporter.resumable(name);
}
