/** Agents that are too heavy for every clone: where each comes from, how it is pointed at a scripted model, how it starts. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Where a client finds its model and this server. */
export interface Addresses {
  model: { url: string; origin: string };
  mcp: string;
}

export interface AgentClient {
  packages: readonly string[];
  /** Writes what it reads at its start into `folder`, and says how it starts there. */
  prepare(
    folder: string,
    addresses: Addresses,
  ): Promise<{ args: readonly string[]; env?: Record<string, string> }>;
  /** How its model is shown a picture. */
  picture: RegExp;
  /** The client shows its model other schemas than this server's; what it sends is right all the same. */
  hasOwnSchemas?: true;
}

const task = 'Say hello.';

export const agentClients: Readonly<Record<string, AgentClient>> = {
  mastra: {
    packages: ['@mastra/mcp@2.0.0', '@mastra/core@1.71.0'],
    picture: /"type":"image-data","data":"iVBOR/,
    async prepare(folder, { model, mcp }) {
      const file = await written(folder, 'agent.mjs', [
        `import { Agent } from '@mastra/core/agent';`,
        `import { MCPClient } from '@mastra/mcp';`,
        `const client = new MCPClient({ servers: { inferry: { url: new URL('${mcp}') } } });`,
        `const tools = await client.listTools();`,
        `const model = { id: 'scripted/scripted', url: '${model.url}', apiKey: 'none' };`,
        `const agent = new Agent({ id: 'agent', name: 'agent', instructions: 'Help.', model, tools });`,
        `const { text } = await agent.generate('${task}', { maxSteps: 9 });`,
        'process.stdout.write(text);',
        'await client.disconnect();',
      ]);
      return { args: [file], env: { MASTRA_TELEMETRY_DISABLED: '1' } };
    },
  },
  'mcp-use': {
    packages: ['mcp-use@1.34.6', '@langchain/core@1.4.0', '@langchain/openai@1.6.0', 'langchain@1.5.14'],
    picture: /"type":"image","data":"iVBOR/,
    hasOwnSchemas: true,
    async prepare(folder, { model, mcp }) {
      const file = await written(folder, 'agent.mjs', [
        `import { ChatOpenAI } from '@langchain/openai';`,
        `import { MCPAgent, MCPClient } from 'mcp-use';`,
        `const client = MCPClient.fromDict({ mcpServers: { inferry: { url: '${mcp}' } } });`,
        `const configuration = { baseURL: '${model.url}' };`,
        `const llm = new ChatOpenAI({ model: 'scripted', apiKey: 'none', configuration });`,
        `process.stdout.write(await new MCPAgent({ llm, client, maxSteps: 12 }).run('${task}'));`,
        'await client.closeAllSessions();',
      ]);
      return { args: [file], env: { MCP_USE_ANONYMIZED_TELEMETRY: 'false' } };
    },
  },
  codex: {
    packages: ['@openai/codex@0.171.0'],
    picture: /"type":"input_image","image_url":"data:image\/png;base64,/,
    async prepare(folder, { model, mcp }) {
      const home = join(folder, 'codex-home');
      await written(home, 'config.toml', [
        'model = "scripted"',
        'model_provider = "scripted"',
        'approval_policy = "never"',
        'sandbox_mode = "read-only"',
        '[model_providers.scripted]',
        'name = "scripted"',
        `base_url = "${model.url}"`,
        'wire_api = "responses"',
        'request_max_retries = 0',
        '[mcp_servers.inferry]',
        `url = "${mcp}"`,
        'default_tools_approval_mode = "approve"',
      ]);
      const program = join(folder, 'node_modules/@openai/codex/bin/codex.js');
      return { args: [program, 'exec', '--skip-git-repo-check', task], env: { CODEX_HOME: home } };
    },
  },
  'gemini-cli': {
    packages: ['@google/gemini-cli@0.61.0'],
    picture: /"inlineData":\{[^}]*"mimeType":"image\/png"/,
    async prepare(folder, { model, mcp }) {
      const settings = {
        security: { auth: { selectedType: 'gemini-api-key' }, folderTrust: { enabled: false } },
        mcpServers: { inferry: { httpUrl: mcp, trust: true } },
        privacy: { usageStatisticsEnabled: false },
        telemetry: { enabled: false },
        general: { disableAutoUpdate: true, disableUpdateNag: true },
      };
      await written(join(folder, '.gemini'), 'settings.json', [JSON.stringify(settings)]);
      const program = join(folder, 'node_modules/@google/gemini-cli/bundle/gemini.js');
      const flags = ['-m', 'gemini-2.5-flash', '--approval-mode', 'yolo', '-p', task];
      const key = { GEMINI_API_KEY: 'none', GOOGLE_GEMINI_BASE_URL: model.origin };
      return { args: [program, ...flags], env: { ...key, GEMINI_CLI_HOME: folder } };
    },
  },
};

async function written(folder: string, name: string, lines: readonly string[]): Promise<string> {
  const file = join(folder, name);
  await mkdir(folder, { recursive: true });
  await writeFile(file, `${lines.join('\n')}\n`);
  return file;
}
