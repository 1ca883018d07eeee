/** The API of a model on loopback that follows a script and keeps what it was sent: what an agent really shows its model. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { JsonObject } from '@inferry/contracts';

/** A call of a tool, made of all that was said so far, or the last word. */
export type Step = { name: string; args: JsonObject } | string;
export type Script = readonly ((said: string) => Step)[];

/** A tool as the model was shown it. */
export interface ShownTool {
  name: string;
  /** What its client put before the names of this server's tools, where the API has a place for it. */
  namespace?: string;
  parameters: JsonObject;
}

/** One question to the model. */
export interface Asked {
  /** Everything that was said, in the API's own form. */
  said: string;
  tools: readonly ShownTool[];
}

export interface ScriptedModel {
  /** Where chat completions, responses and Gemini's `models/…:generateContent` are answered below `/v1`. */
  url: string;
  origin: string;
  asked: Asked[];
  close(): void;
}

/** How one API of models is read and answered. */
interface Api {
  path: RegExp;
  read(body: JsonObject): Asked;
  answer(response: ServerResponse, turn: Turn): void;
}

interface Turn {
  step: Step;
  number: number;
  body: JsonObject;
  isStream: boolean;
  tool: ShownTool | undefined;
}

export async function startScriptedModel(script: Script): Promise<ScriptedModel> {
  const asked: Asked[] = [];
  const server = createServer(async (request, response) => {
    const api = apis.find(({ path }) => path.test(request.url ?? ''));
    const text = await textOf(request);
    // Clients also ask for lists of models and counts of tokens, and do without.
    if (api === undefined) return void sendJson(response, { error: { code: 404, message: 'none' } }, 404);
    const body = JSON.parse(text);
    asked.push(api.read(body));
    const question = asked.at(-1);
    const step = script[asked.length - 1]?.(question?.said ?? '') ?? 'done';
    const tool = question?.tools.find(
      // Clients put the server's name before a tool's.
      ({ name }) => typeof step !== 'string' && (name === step.name || name.endsWith(`_${step.name}`)),
    );
    const isStream = body.stream === true || (request.url ?? '').includes(':stream');
    api.answer(response, { ...{ step, number: asked.length, body, isStream, tool } });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const origin = `http://127.0.0.1:${port}`;
  const close = (): void => {
    server.close();
    server.closeAllConnections();
  };
  return { ...{ url: `${origin}/v1`, origin, asked, close } };
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

function sendJson(response: ServerResponse, body: JsonObject, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

function sendEvents(response: ServerResponse, events: readonly string[]): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.end(events.map((event) => `${event}\n\n`).join(''));
}

/** A list within what a client sent. */
function listIn(value: unknown): JsonObject[] {
  // as: its items are looked at field by field.
  return Array.isArray(value) ? (value as JsonObject[]) : [];
}

function toShown(tool: JsonObject, namespace?: unknown): ShownTool {
  const { name, parameters, parametersJsonSchema } = tool;
  return {
    name: String(name),
    ...(typeof namespace === 'string' && { namespace }),
    // as: the schema of its arguments, in either of the names that APIs have for it.
    parameters: (parameters ?? parametersJsonSchema ?? {}) as JsonObject,
  };
}

const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };

const chatCompletions: Api = {
  path: /\/chat\/completions$/,
  read: ({ messages, tools }) => ({
    said: JSON.stringify(messages),
    // as: each is `{ type, function }`.
    tools: listIn(tools).map((tool) => toShown(tool.function as JsonObject)),
  }),
  answer(response, { step, number, isStream, tool }) {
    const isEnd = typeof step === 'string';
    const called = isEnd ? {} : { name: tool?.name ?? step.name, arguments: JSON.stringify(step.args) };
    const message: JsonObject = isEnd
      ? { role: 'assistant', content: step }
      : {
          role: 'assistant',
          content: null,
          tool_calls: [{ index: 0, id: `call_${number}`, type: 'function', function: called }],
        };
    const reason = isEnd ? 'stop' : 'tool_calls';
    const whole = { id: `completion_${number}`, created: 1, model: 'scripted' };
    if (!isStream)
      return sendJson(response, {
        ...whole,
        ...{ object: 'chat.completion', usage },
        choices: [{ index: 0, message, finish_reason: reason }],
      });
    const chunk = (choice: JsonObject): string =>
      `data: ${JSON.stringify({ ...whole, object: 'chat.completion.chunk', usage, choices: [{ index: 0, ...choice }] })}`;
    sendEvents(response, [
      chunk({ delta: message, finish_reason: null }),
      chunk({ delta: {}, finish_reason: reason }),
      'data: [DONE]',
    ]);
  },
};

const responses: Api = {
  path: /\/responses$/,
  read: ({ input, tools }) => ({
    said: JSON.stringify(input),
    tools: listIn(tools).flatMap((tool) =>
      tool.type === 'namespace'
        ? listIn(tool.tools).map((inner) => toShown(inner, tool.name))
        : [toShown(tool)],
    ),
  }),
  answer(response, { step, number, tool }) {
    const item: JsonObject =
      typeof step === 'string'
        ? {
            type: 'message',
            role: 'assistant',
            id: `msg_${number}`,
            content: [{ type: 'output_text', text: step }],
          }
        : {
            type: 'function_call',
            id: `fc_${number}`,
            call_id: `call_${number}`,
            name: tool?.name ?? step.name,
            ...(tool?.namespace !== undefined && { namespace: tool.namespace }),
            arguments: JSON.stringify(step.args),
          };
    const id = `resp_${number}`;
    const tokens = { input_tokens: 1, output_tokens: 1, total_tokens: 2 };
    const events: JsonObject[] = [
      { type: 'response.created', response: { id } },
      { type: 'response.output_item.done', output_index: 0, item },
      { type: 'response.completed', response: { id, usage: tokens } },
    ];
    sendEvents(
      response,
      events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}`),
    );
  },
};

const gemini: Api = {
  path: /:(generateContent|streamGenerateContent)/,
  read: ({ contents, tools }) => ({
    said: JSON.stringify(contents),
    tools: listIn(tools).flatMap(({ functionDeclarations }) =>
      listIn(functionDeclarations).map((tool) => toShown(tool)),
    ),
  }),
  answer(response, { step, isStream, tool }) {
    const part: JsonObject =
      typeof step === 'string'
        ? { text: step }
        : { functionCall: { name: tool?.name ?? step.name, args: step.args } };
    const body: JsonObject = {
      candidates: [{ index: 0, content: { role: 'model', parts: [part] }, finishReason: 'STOP' }],
      usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 1, totalTokenCount: 2 },
    };
    if (isStream) sendEvents(response, [`data: ${JSON.stringify(body)}`]);
    else sendJson(response, body);
  },
};

const apis: readonly Api[] = [chatCompletions, responses, gemini];
