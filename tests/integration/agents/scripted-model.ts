/** The API of a model on loopback that follows a script and keeps what it was sent: what an agent really shows its model. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { JsonObject } from '@inferry/contracts';

/** A call of a tool, made of all that was said so far, or the last word. */
export type Step = { name: string; args: JsonObject } | string;
export type Script = readonly ((said: string) => Step)[];

export interface ScriptedModel {
  url: string;
  /** The bodies of its requests (OpenAI, chat completions). */
  seen: { messages: JsonObject[]; tools: { function: { name: string; parameters: JsonObject } }[] }[];
  close(): void;
}

export async function startScriptedModel(script: Script): Promise<ScriptedModel> {
  const seen: ScriptedModel['seen'] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = JSON.parse(Buffer.concat(chunks).toString());
    seen.push(body);
    const step = script[seen.length - 1]?.(JSON.stringify(body.messages)) ?? 'done';
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(completionOf(step, seen.length)));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return { url: `http://127.0.0.1:${port}/v1`, seen, close: () => server.close() };
}

function completionOf(step: Step, number: number): JsonObject {
  const isEnd = typeof step === 'string';
  const message = isEnd
    ? { role: 'assistant', content: step }
    : {
        role: 'assistant',
        content: null,
        tool_calls: [
          {
            id: `call_${number}`,
            type: 'function',
            function: { name: step.name, arguments: JSON.stringify(step.args) },
          },
        ],
      };
  return {
    id: `completion_${number}`,
    object: 'chat.completion',
    created: 1,
    model: 'scripted',
    choices: [{ index: 0, message, finish_reason: isEnd ? 'stop' : 'tool_calls' }],
    usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
  };
}
