// Holds that the agents and the libraries for them that people use get through: a run that makes a file, a wait, a look at it, an error.
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMCPClient } from '@ai-sdk/mcp';
import { type EmbeddedSystem, parseStartConfig, startEmbedded } from '@inferry/cli';
import type { JsonObject } from '@inferry/contracts';
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
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { agentClients, listTools, tryAgent } from '../../agents/clients.ts';
import { installed, packagesOf } from '../../agents/installed.ts';
import { notShown, script, wrongIn } from '../../agents/script.ts';
import { type ShownTool, type Step, startScriptedModel } from '../../agents/scripted-model.ts';

/** `npm test` has them installed by then; where one file is run alone, it has to load 270 MB first. */
const patienceMs = 35 * 60_000;

const clients = join(import.meta.dirname, '../../agents/clients');

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
  const { said = '', tools: shown = [] } = model.asked.at(-1) ?? {};
  expect(wrongIn(said, 'both', 'text')).toEqual([]);
  expect(notShown(await listTools(url), shown)).toEqual([]);
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
  const { said = '', tools = [] } = model.asked.at(-1) ?? {};
  expect(wrongIn(said, 'text')).toEqual([]);
  expect(notShown(await listTools(url), tools)).toEqual([]);
}, 90_000);

it('the AI SDK gets through, and its model sees a picture', async () => {
  const prompts: string[] = [];
  let shown: ShownTool[] = [];
  const model = new MockLanguageModelV4({
    async doGenerate({ prompt, tools = [] }) {
      prompts.push(JSON.stringify(prompt));
      // as: what it makes of an input schema is one.
      shown = tools.map((tool) => ({
        name: tool.name,
        parameters: Reflect.get(tool, 'inputSchema') as JsonObject,
      }));
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
  expect(wrongIn(prompts.at(-1) ?? '', 'text')).toEqual([]);
  expect(notShown(await listTools(url), shown)).toEqual([]);
  expect(prompts.at(-1)).toContain('"mediaType":"image/png"');
}, 90_000);

// as: the keys of a literal.
it.each(Object.keys(agentClients) as (keyof typeof agentClients)[])(
  '%s gets through, and its model is told everything once',
  async (name) => {
    const { wrong } = await tryAgent(name, url);

    expect(wrong).toEqual([]);
  },
  patienceMs,
);

it(
  'an agent that cannot be installed fails by itself, and says what to do',
  async () => {
    vi.stubEnv('npm_config_registry', 'http://127.0.0.1:9');
    vi.stubEnv('npm_config_fetch_retries', '0');
    vi.stubEnv('npm_config_cache', join(home, 'npm'));

    const tried = installed('gemini-cli', { into: join(home, 'clients'), attempts: 2 });

    await expect(tried).rejects.toThrow(/npm run trial:agents -- --only gemini-cli\n[\s\S]*ECONNREFUSED/);
    expect((await readdir(join(home, 'clients'))).filter((left) => !/[~.]/.test(left))).toEqual([]);
    vi.unstubAllEnvs();
  },
  patienceMs,
);

it.each(await readdir(clients))('%s is one version, and its lock names no host', async (name) => {
  const lock = await readFile(join(clients, name, 'package-lock.json'), 'utf8');

  expect(lock).not.toMatch(/"resolved"/);
  for (const spec of packagesOf(name)) expect(spec).toMatch(/@\d+\.\d+\.\d+$/);
});

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
