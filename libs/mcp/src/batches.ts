/** What a JSON-RPC batch may hold, over any transport (MCP 2025-03-26, the one revision that has batches). */

import type { McpMessage, McpRequest } from './json-rpc.ts';
import { isRefusal, type Refusal, refuseInvalid } from './json-rpc.ts';
import { metaKeys } from './versions.ts';

const maxBatch = 50;

/** Why none of the batch is answered, if so. */
export function refuseBatch(messages: readonly (McpMessage | Refusal)[]): Refusal | undefined {
  if (messages.length === 0 || messages.length > maxBatch) {
    return refuseInvalid(`A batch has 1 to ${maxBatch} messages.`);
  }
  for (const message of messages) {
    if (isRefusal(message)) return message;
    if (message.kind !== 'response' && metaKeys.protocolVersion in message.meta) {
      return refuseInvalid('Batches are not part of this protocol version.');
    }
    if (message.kind === 'request' && message.method === 'initialize') {
      return refuseInvalid('initialize cannot be part of a batch.');
    }
  }
  return undefined;
}

export function isRequest(message: McpMessage | Refusal): message is McpRequest {
  return !isRefusal(message) && message.kind === 'request';
}
