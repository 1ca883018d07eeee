// Holds that agents made with the libraries that people use get through: a run that makes a file, a wait, a picture, an error.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMCPClient } from '@ai-sdk/mcp';
import { type EmbeddedSystem, parseStartConfig, startEmbedded } from '@inferry/cli';
import { freePort } from '@inferry/testing';
import { MultiServerMCPClient } from '@langchain/mcp-adapters';
import { ChatOpenAI } from '@langchain/openai';
import {
  Agent,
  MCPServerStreamableHttp,
  OpenAIChatCompletionsModel,
  run as runAgent,
  setTracingDisabled,
} from '@openai/agents';
import { generateText, stepCountIs } from 'ai';
import { MockLanguageModelV4 } from 'ai/test';
import { createAgent } from 'langchain';
import OpenAI from 'openai';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { missingFrom, script } from '../../agents/script.ts';
import { type Step, startScriptedModel } from '../../agents/scripted-model.ts';

let system: EmbeddedSystem;
let home: string;
let url: string;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'inferry-agents-'));
  const port = await freePort();
  const env = { INFERRY_HOME: home, PROVIDERS: 'local', PORT: String(port), LOG_LEVEL: 'fatal' };
  system = await startEmbedded(parseStartConfig(env), env);
  url = `http://127.0.0.1:${port}/mcp`;
}, 120_000);

afterAll(async () => {
  await system?.close(5_000);
  await rm(home, { recursive: true, force: true });
}, 60_000);

/** What must have reached the model, however its library writes it. */
function expectAll(said: string): void {
  expect(missingFrom(said)).toEqual([]);
  // These libraries show their models the words.
  expect(said).toMatch(/Run run_[\w-]{22}: succeeded/);
  expect(said).toContain('Cost: free');
  expect(said).toContain('[validation_failed]');
  expect(said).toContain('text: is required');
  // The link of a file is said in words and not as another thing that the model has to make sense of.
  expect(said).not.toContain('resource_link');
}

it.each([
  ['search_models', {}],
  ['search_models', { query: 'image of a cat' }],
  ['search_models', { facets: true }],
  ['search_models', { query: 'nothing is called so' }],
  ['get_model', { model: 'local/upscale-2x' }],
  ['get_model', { model: 'local/pan-and-zoom' }],
  ['create_upload', { file_name: '/home/ada/a picture.png' }],
  ['create_upload', { file_name: 'film.mov', size: 190_000_000 }],
  ['run_model', { model: 'local/speech', input: { text: 'Good morning.' }, wait_seconds: 30 }],
  ['run_model', { model: 'local/speech', input: {}, dry_run: true }],
  ['run_model', { model: 'local/spech', input: {} }],
  ['list_runs', {}],
  ['get_account', {}],
  ['estimate_cost', { model: 'local/speech', input: { text: 'hello' } }],
])(
  '%s with %j costs an agent at most a kilobyte, as text and as structure',
  async (name, args) => {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'mcp-protocol-version': '2025-11-25' },
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: 1,
        method: 'tools/call',
        params: { name, arguments: args },
      }),
    });
    // as: what this server answers a call of a tool with.
    const { result } = (await response.json()) as {
      result: { content: { text?: string }[]; structuredContent: unknown };
    };

    const said = result.content.map(({ text = '' }) => text).join('\n');
    expect(Buffer.byteLength(said)).toBeLessThanOrEqual(1_024);
    expect(Buffer.byteLength(JSON.stringify(result.structuredContent))).toBeLessThanOrEqual(1_024);
    expect(said).not.toContain('undefined');
  },
  60_000,
);

it('LangChain gets through, and its model sees a picture', async () => {
  const model = await startScriptedModel(script);
  const client = new MultiServerMCPClient({ mcpServers: { inferry: { url, transport: 'http' } } });
  const tools = await client.getTools();
  const chat = new ChatOpenAI({ model: 'scripted', apiKey: 'none', configuration: { baseURL: model.url } });

  const { messages } = await createAgent({ model: chat, tools }).invoke({
    messages: [{ role: 'user', content: 'Say hello.' }],
  });
  await client.close();
  model.close();

  expect(messages.at(-1)?.content).toBe('done');
  const { said = '' } = model.asked.at(-1) ?? {};
  expectAll(said);
  expect(said).toContain('data:image/png;base64,');
}, 90_000);

it("OpenAI's Agents get through", async () => {
  setTracingDisabled(true);
  const model = await startScriptedModel(script);
  const server = new MCPServerStreamableHttp({ url });
  await server.connect();
  const client = new OpenAI({ apiKey: 'none', baseURL: model.url });
  const agent = new Agent({
    name: 'agent',
    model: new OpenAIChatCompletionsModel(client, 'scripted'),
    mcpServers: [server],
  });

  const { finalOutput } = await runAgent(agent, 'Say hello.');
  await server.close();
  model.close();

  expect(finalOutput).toBe('done');
  expectAll(model.asked.at(-1)?.said ?? '');
  const tool = model.asked[0]?.tools.find(({ name }) => name === 'run_model');
  expect(tool?.parameters).toMatchObject({ properties: { input: { additionalProperties: true } } });
}, 90_000);

it('the AI SDK gets through, and its model sees a picture', async () => {
  const prompts: string[] = [];
  const model = new MockLanguageModelV4({
    async doGenerate({ prompt }) {
      prompts.push(JSON.stringify(prompt));
      return generated(script[prompts.length - 1]?.(prompts.at(-1) ?? '') ?? 'done', prompts.length);
    },
  });
  const client = await createMCPClient({ transport: { type: 'http', url } });

  const { text } = await generateText({
    model,
    tools: await client.tools(),
    prompt: 'Say hello.',
    stopWhen: stepCountIs(9),
  });
  await client.close();

  expect(text).toBe('done');
  expectAll(prompts.at(-1) ?? '');
  expect(prompts.at(-1)).toContain('"mediaType":"image/png"');
}, 90_000);

type Generated = Awaited<ReturnType<MockLanguageModelV4['doGenerate']>>;

function generated(step: Step, number: number): Generated {
  const isEnd = typeof step === 'string';
  const tokens = { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 };
  return {
    content: isEnd
      ? [{ type: 'text', text: step }]
      : [
          {
            type: 'tool-call',
            toolCallId: `call_${number}`,
            toolName: step.name,
            input: JSON.stringify(step.args),
          },
        ],
    finishReason: { unified: isEnd ? 'stop' : 'tool-calls', raw: undefined },
    usage: { inputTokens: tokens, outputTokens: { total: 1, text: 1, reasoning: 0 } },
    warnings: [],
  };
}
