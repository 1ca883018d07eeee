/** Agents that are too heavy for every clone: how each is pointed at a scripted model and at this server, how it starts, and what its model has to be told. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installed } from './installed.ts';
import { type Ended, refusingProxy, runProgram } from './programs.ts';
import { type ListedTool, notShown, plainly, type Shown, script, wrongIn } from './script.ts';
import { type Asked, startScriptedModel } from './scripted-model.ts';

/** Where a client stands, and where it finds its model and this server. */
interface Place {
  /** With its `node_modules`. */
  folder: string;
  /** Its configuration and all that it keeps; there for this one time. */
  home: string;
  model: { url: string; origin: string };
  mcp: string;
}

interface AgentClient {
  /** Writes what it reads at its start, and says how it starts. */
  prepare(place: Place): Promise<{ args: readonly string[]; env?: Record<string, string> }>;
  /** What of a result it shows its model, and of an error where that is something else. */
  shows: Shown;
  showsOfErrors?: Shown;
  /** How its model is shown a picture. */
  picture: RegExp;
  /** The client shows its model other schemas than this server's; what it sends is right all the same. */
  hasOwnSchemas?: true;
}

const task = 'Say hello.';

export const agentClients = {
  mastra: {
    shows: 'text',
    picture: /"type":"image-data","data":"iVBOR/,
    async prepare({ folder, model, mcp }) {
      const args = [join(folder, 'agent.mjs'), model.url, mcp, task];
      return { args, env: { MASTRA_TELEMETRY_DISABLED: '1' } };
    },
  },
  'mcp-use': {
    shows: 'both',
    picture: /"type":"image","data":"iVBOR/,
    hasOwnSchemas: true,
    async prepare({ folder, model, mcp }) {
      const args = [join(folder, 'agent.mjs'), model.url, mcp, task];
      return { args, env: { MCP_USE_ANONYMIZED_TELEMETRY: 'false' } };
    },
  },
  codex: {
    shows: 'structure',
    picture: /"type":"input_image","image_url":"data:image\/png;base64,/,
    async prepare({ folder, home, model, mcp }) {
      await write(join(home, '.codex'), 'config.toml', [
        'model = "scripted"',
        'model_provider = "scripted"',
        'approval_policy = "never"',
        'sandbox_mode = "read-only"',
        'check_for_update_on_startup = false',
        '[analytics]',
        'enabled = false',
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
      return { args: [program, 'exec', '--skip-git-repo-check', task], env: refusingProxy };
    },
  },
  'gemini-cli': {
    shows: 'text',
    showsOfErrors: 'both',
    picture: /"inlineData":\{[^}]*"mimeType":"image\/png"/,
    async prepare({ folder, home, model, mcp }) {
      const settings = {
        security: { auth: { selectedType: 'gemini-api-key' }, folderTrust: { enabled: false } },
        mcpServers: { inferry: { httpUrl: mcp, trust: true } },
        privacy: { usageStatisticsEnabled: false },
        telemetry: { enabled: false },
        general: { disableAutoUpdate: true, disableUpdateNag: true },
      };
      await write(join(home, '.gemini'), 'settings.json', [JSON.stringify(settings)]);
      const program = join(folder, 'node_modules/@google/gemini-cli/bundle/gemini.js');
      const flags = ['-m', 'gemini-2.5-flash', '--approval-mode', 'yolo', '-p', task];
      const key = { GEMINI_API_KEY: 'none', GOOGLE_GEMINI_BASE_URL: model.origin };
      return { args: [program, ...flags], env: { ...key, GEMINI_CLI_HOME: home } };
    },
  },
} satisfies Readonly<Record<string, AgentClient>>;

async function write(folder: string, name: string, lines: readonly string[]): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, name), `${lines.join('\n')}\n`);
}

/** One that was tried: what its model was asked, and what was wrong with that. */
export interface Tried {
  asked: readonly Asked[];
  wrong: readonly string[];
}

export type AgentName = keyof typeof agentClients;

/** Lets it follow the script on the server at `mcp`. */
export async function tryAgent(name: AgentName, mcp: string): Promise<Tried> {
  const client: AgentClient = agentClients[name];
  const folder = await installed(name);
  const home = await mkdtemp(join(tmpdir(), `inferry-${name}-`));
  const model = await startScriptedModel(script);
  try {
    const { args, env } = await client.prepare({ folder, home, model, mcp });
    const ended = await runProgram([process.execPath, ...args], { home, env });
    return { asked: model.asked, wrong: await judge(client, { asked: model.asked, ended, mcp }) };
  } finally {
    model.close();
    await rm(home, { recursive: true, force: true });
  }
}

async function judge(
  { shows, showsOfErrors, picture, hasOwnSchemas }: AgentClient,
  { asked, ended, mcp }: { asked: readonly Asked[]; ended: Ended; mcp: string },
): Promise<string[]> {
  const { said = '', tools = [] } = asked.at(-1) ?? {};
  const wrong = [
    ...wrongIn(said, shows, showsOfErrors),
    ...notShown(await listTools(mcp), tools, hasOwnSchemas !== true),
  ];
  if (!picture.test(plainly(said))) wrong.push('the picture is not shown');
  if (asked.length !== script.length + 1) wrong.push(`its model was asked ${asked.length} times`);
  if (ended.code !== 0 || !ended.output.includes('done'))
    wrong.push(`it ended with ${ended.code}: ${ended.output.slice(-2_000)}`);
  return wrong;
}

/** The tools of a server, as it lists them to somebody who only asks. */
export async function listTools(mcp: string): Promise<ListedTool[]> {
  const response = await fetch(mcp, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'mcp-protocol-version': '2025-11-25' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' }),
  });
  // as: what this server answers.
  return ((await response.json()) as { result: { tools: ListedTool[] } }).result.tools;
}
