import { Agent, type IncomingMessage, request } from 'node:http';
import type { JsonObject } from '@inferry/contracts';

/** How a client waits for the answer to a call. */
export interface ClientHabits {
  name: string;
  era: 'modern' | 'legacy';
  /** Gives up so long after it asked. */
  cutOffSeconds: number;
  hasToken: boolean;
  /** Begins to count again with each progress notification. */
  resets: boolean;
}

export interface ToolCall {
  tool: string;
  args: JsonObject;
}

export interface Answer {
  result: JsonObject;
  progress: number[];
}

const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });
const modernVersion = '2026-07-28';
const meta = 'io.modelcontextprotocol';
let lastId = 0;

/** Makes a call as a client with these habits does; undefined when it gave up. */
export function callAs(habits: ClientHabits, url: string, call: ToolCall): Promise<Answer | undefined> {
  const id = ++lastId;
  const { body, headers } = toRequest(habits, id, call);
  return new Promise((resolve, reject) => {
    const progress: number[] = [];
    let timer = setTimeout(giveUp, habits.cutOffSeconds * 1_000);
    const again = () => {
      clearTimeout(timer);
      timer = setTimeout(giveUp, habits.cutOffSeconds * 1_000);
    };
    const hear = (message: JsonObject) => {
      if (message.method === 'notifications/progress') {
        // as: the params of that notification.
        progress.push((message.params as { progress: number }).progress);
        if (habits.resets) again();
      }
      if (message.id !== id) return;
      clearTimeout(timer);
      // as: a response has a result or an error.
      if (message.error === undefined) resolve({ result: message.result as JsonObject, progress });
      else reject(new Error(JSON.stringify(message.error)));
    };
    const sent = request(url, { method: 'POST', agent, headers }, (response) => readMessages(response, hear));
    sent.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    sent.end(body);

    /** A modern client closes the stream; an older one says so in a request of its own and reads no further. */
    function giveUp(): void {
      resolve(undefined);
      sent.removeAllListeners('error').on('error', () => undefined);
      if (habits.era === 'legacy') cancel(habits, url, id);
      sent.destroy();
    }
  });
}

function toRequest(
  { name, era, hasToken }: ClientHabits,
  id: number,
  { tool, args }: ToolCall,
): { body: string; headers: Record<string, string> } {
  const token = hasToken ? { progressToken: id } : {};
  const isModern = era === 'modern';
  const envelope = isModern
    ? {
        [`${meta}/protocolVersion`]: modernVersion,
        [`${meta}/clientCapabilities`]: {},
        [`${meta}/clientInfo`]: { name, version: '1' },
      }
    : {};
  const params = { name: tool, arguments: args, _meta: { ...envelope, ...token } };
  return {
    body: JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params }),
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'user-agent': `${name}/1`,
      'mcp-protocol-version': isModern ? modernVersion : '2025-11-25',
      ...(isModern ? { 'mcp-method': 'tools/call', 'mcp-name': tool } : {}),
    },
  };
}

function cancel({ name }: ClientHabits, url: string, requestId: number): void {
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'user-agent': `${name}/1`,
    'mcp-protocol-version': '2025-11-25',
  };
  const sent = request(url, { method: 'POST', agent, headers }, (response) => response.resume());
  sent.on('error', () => undefined);
  sent.end(JSON.stringify({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId } }));
}

/** The messages of a JSON answer or of a stream, each as soon as it is whole. */
function readMessages(response: IncomingMessage, onMessage: (message: JsonObject) => void): void {
  const isStream = response.headers['content-type'] === 'text/event-stream';
  let text = '';
  response.setEncoding('utf8');
  response.on('data', (chunk: string) => {
    text += chunk;
    if (!isStream) return;
    const frames = text.split('\n\n');
    text = frames.pop() ?? '';
    for (const frame of frames) {
      const data = frame
        .split('\n')
        .find((line) => line.startsWith('data: '))
        ?.slice('data: '.length);
      // Empty in an event that only carries an id (MCP 2025-11-25, transports).
      if (data !== undefined && data !== '') onMessage(JSON.parse(data));
    }
  });
  response.on('end', () => {
    if (!isStream) onMessage(JSON.parse(text));
  });
  response.on('error', () => undefined);
}
