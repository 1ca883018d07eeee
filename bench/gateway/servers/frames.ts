/** A JSON-RPC request as the limits read it: they check nothing. */
export interface BareRequest {
  id: number;
  method: string;
  params: {
    name: string;
    arguments: { wait_seconds?: number };
    _meta?: { progressToken?: number };
  };
}

export const streamHeaders = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache, no-transform',
};

export function isStreamed({ method, params }: BareRequest): boolean {
  return method === 'tools/call' && params._meta?.progressToken !== undefined;
}

export function response(id: number, result: string): string {
  return `{"jsonrpc":"2.0","id":${id},"result":${result}}`;
}

export function frame(text: string): string {
  return `event: message\ndata: ${text}\n\n`;
}

export function progress(token: number | undefined, done: number, total: number): string {
  return `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":${token},"progress":${done},"total":${total}}}`;
}
