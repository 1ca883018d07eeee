import type { JsonObject } from '@inferry/contracts';
import type { ProgressToken, RequestId } from './json-rpc.ts';

/** A call whose answer may be fetched by another connection, on any replica. */
export interface ResumableCall {
  requestId: RequestId;
  progressToken?: ProgressToken | undefined;
  /** MCP protocol version of the call. */
  version: string;
  isAssumed?: true | undefined;
  tool: string;
  /** What its tool's `continuation` is called with. */
  args: JsonObject;
  /** Epoch ms. */
  startedAt: number;
}

/** A call that goes on, and how much of it its client was shown. */
export interface ResumedCall extends ResumableCall {
  /** The last value of its progress, 0 to 1; -1 before the first. */
  shown: number;
}
