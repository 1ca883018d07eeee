/**
 * The MCP clients that `inferry add` can configure: where each keeps its servers on each system, in which dialect, and
 * what an entry looks like. All of it is data of the place that is asked about, so that the paths of macOS and Windows
 * are tested on Linux.
 */
import { homedir } from 'node:os';
import { posix, win32 } from 'node:path';

/** The system and the person whose files are looked for. */
export interface Place {
  platform: 'darwin' | 'linux' | 'win32';
  home: string;
  /** The project's folder: what `--scope project` is about. */
  cwd: string;
  env: Readonly<Record<string, string | undefined>>;
}

/** Of whoever runs this. */
export function placeOf(
  env: Place['env'],
  { platform, cwd }: { platform: NodeJS.Platform; cwd(): string },
): Place {
  return {
    platform: platform === 'darwin' || platform === 'win32' ? platform : 'linux',
    home: env.HOME || env.USERPROFILE || homedir(),
    cwd: cwd(),
    env,
  };
}

export type Dialect = 'json' | 'jsonc' | 'toml' | 'yaml';

/** How the server is reached: over HTTP, or as a process that the client starts. */
export type Connection =
  | { mode: 'hosted'; url: string }
  | { mode: 'local'; command: string; args: readonly string[]; env: Readonly<Record<string, string>> };

export type Entry = Readonly<Record<string, unknown>>;

export interface ClientKind {
  id: string;
  label: string;
  /** `json` where the client reads neither comments nor trailing commas. */
  dialect: Dialect;
  /** The property under which its servers stand. */
  servers: string;
  userFile(place: Place): string;
  /** Absent where a project cannot have servers of its own. */
  projectFile?(place: Place): string;
  /** Folders and files of which one tells that the client is used here. */
  traces(place: Place): readonly string[];
  toEntry(connection: Connection, name: string): Entry;
  /** What a person does after the file has changed. */
  afterwards: string;
}

type Local = Extract<Connection, { mode: 'local' }>;

export function joinAt(place: Place, ...parts: string[]): string {
  return (place.platform === 'win32' ? win32 : posix).join(...parts);
}

/** Where programs keep a person's settings: Application Support, %APPDATA%, or XDG's folder. */
export function settingsFolder(place: Place): string {
  if (place.platform === 'darwin') return joinAt(place, place.home, 'Library', 'Application Support');
  if (place.platform === 'win32') {
    return place.env.APPDATA || joinAt(place, place.home, 'AppData', 'Roaming');
  }
  return xdgFolder(place);
}

/** Programs from Unix use this one on macOS as well. */
function xdgFolder(place: Place): string {
  return place.env.XDG_CONFIG_HOME || joinAt(place, place.home, '.config');
}

/** Clients that speak stdio alone reach a server over HTTP through `mcp-remote`. */
function throughRemote(url: string): Entry {
  // Plain HTTP is refused by it except for this machine, where it is safe.
  const plain = url.startsWith('http://') ? ['--allow-http'] : [];
  return { command: 'npx', args: ['-y', 'mcp-remote', url, ...plain] };
}

function started({ command, args, env }: Local): Entry {
  return { command, args: [...args], ...(Object.keys(env).length === 0 ? {} : { env: { ...env } }) };
}

function typed(hosted: (url: string) => Entry, local: (connection: Local) => Entry = started) {
  return (connection: Connection): Entry =>
    connection.mode === 'hosted' ? hosted(connection.url) : local(connection);
}

/** A Visual Studio Code or what is built of it: the same files in a folder of another name. */
function editor(id: string, label: string, folder: string): ClientKind {
  const user = (place: Place) => joinAt(place, settingsFolder(place), folder, 'User');
  return {
    id,
    label,
    dialect: 'jsonc',
    servers: 'servers',
    userFile: (place) => joinAt(place, user(place), 'mcp.json'),
    projectFile: (place) => joinAt(place, place.cwd, '.vscode', 'mcp.json'),
    traces: (place) => [user(place)],
    toEntry: typed(
      (url) => ({ type: 'http', url }),
      (local) => ({ type: 'stdio', ...started(local) }),
    ),
    afterwards: 'Run "MCP: List Servers" from the command palette and start it.',
  };
}

export const clientKinds: readonly ClientKind[] = [
  {
    id: 'claude-code',
    label: 'Claude Code',
    dialect: 'json',
    servers: 'mcpServers',
    userFile: (place) => joinAt(place, place.env.CLAUDE_CONFIG_DIR || place.home, '.claude.json'),
    projectFile: (place) => joinAt(place, place.cwd, '.mcp.json'),
    traces: (place) => [
      joinAt(place, place.home, '.claude'),
      joinAt(place, place.env.CLAUDE_CONFIG_DIR || place.home, '.claude.json'),
    ],
    toEntry: typed(
      (url) => ({ type: 'http', url }),
      (local) => ({ type: 'stdio', ...started(local) }),
    ),
    afterwards: 'Check with "claude mcp list"; in a session, /mcp signs in or connects again.',
  },
  {
    id: 'claude-desktop',
    label: 'Claude Desktop',
    dialect: 'json',
    servers: 'mcpServers',
    userFile: (place) => joinAt(place, settingsFolder(place), 'Claude', 'claude_desktop_config.json'),
    traces: (place) => [joinAt(place, settingsFolder(place), 'Claude')],
    toEntry: typed(throughRemote),
    afterwards: 'Quit Claude Desktop and start it again.',
  },
  {
    id: 'cursor',
    label: 'Cursor',
    dialect: 'jsonc',
    servers: 'mcpServers',
    userFile: (place) => joinAt(place, place.home, '.cursor', 'mcp.json'),
    projectFile: (place) => joinAt(place, place.cwd, '.cursor', 'mcp.json'),
    traces: (place) => [joinAt(place, place.home, '.cursor')],
    toEntry: typed((url) => ({ url })),
    afterwards: 'Open Cursor Settings, MCP, and switch it on.',
  },
  {
    id: 'windsurf',
    label: 'Windsurf',
    dialect: 'jsonc',
    servers: 'mcpServers',
    userFile: (place) => joinAt(place, place.home, '.codeium', 'windsurf', 'mcp_config.json'),
    traces: (place) => [joinAt(place, place.home, '.codeium', 'windsurf')],
    toEntry: typed((url) => ({ serverUrl: url })),
    afterwards: 'Press refresh in the list of MCP servers.',
  },
  editor('vscode', 'Visual Studio Code', 'Code'),
  editor('vscode-insiders', 'Visual Studio Code Insiders', 'Code - Insiders'),
  editor('vscodium', 'VSCodium', 'VSCodium'),
  {
    id: 'codex',
    label: 'Codex',
    dialect: 'toml',
    servers: 'mcp_servers',
    userFile: (place) =>
      joinAt(place, place.env.CODEX_HOME || joinAt(place, place.home, '.codex'), 'config.toml'),
    projectFile: (place) => joinAt(place, place.cwd, '.codex', 'config.toml'),
    traces: (place) => [place.env.CODEX_HOME || joinAt(place, place.home, '.codex')],
    toEntry: typed((url) => ({ url })),
    afterwards: 'Check with "codex mcp list"; "codex mcp login <name>" signs in.',
  },
  {
    id: 'gemini',
    label: 'Gemini CLI',
    dialect: 'jsonc',
    servers: 'mcpServers',
    userFile: (place) => joinAt(place, place.home, '.gemini', 'settings.json'),
    projectFile: (place) => joinAt(place, place.cwd, '.gemini', 'settings.json'),
    traces: (place) => [joinAt(place, place.home, '.gemini')],
    toEntry: typed((url) => ({ httpUrl: url })),
    afterwards: 'Check with "gemini mcp list"; in a session, /mcp auth <name> signs in.',
  },
  {
    id: 'zed',
    label: 'Zed',
    dialect: 'jsonc',
    servers: 'context_servers',
    userFile: (place) =>
      place.platform === 'win32'
        ? joinAt(place, settingsFolder(place), 'Zed', 'settings.json')
        : joinAt(place, xdgFolder(place), 'zed', 'settings.json'),
    projectFile: (place) => joinAt(place, place.cwd, '.zed', 'settings.json'),
    traces: (place) => [
      place.platform === 'win32'
        ? joinAt(place, settingsFolder(place), 'Zed')
        : joinAt(place, xdgFolder(place), 'zed'),
    ],
    toEntry: typed(
      (url) => ({ url }),
      (local) => ({ source: 'custom', ...started(local) }),
    ),
    afterwards: 'Zed reads it at once; see the Agent panel, Settings.',
  },
  {
    id: 'cline',
    label: 'Cline',
    dialect: 'json',
    servers: 'mcpServers',
    userFile: (place) => joinAt(place, clineFolder(place), 'settings', 'cline_mcp_settings.json'),
    traces: (place) => [clineFolder(place)],
    toEntry: typed((url) => ({ type: 'streamableHttp', url })),
    afterwards: 'Open the list of MCP servers in Cline.',
  },
  {
    id: 'jetbrains',
    label: 'JetBrains Junie',
    dialect: 'json',
    servers: 'mcpServers',
    userFile: (place) => joinAt(place, place.home, '.junie', 'mcp', 'mcp.json'),
    projectFile: (place) => joinAt(place, place.cwd, '.junie', 'mcp', 'mcp.json'),
    traces: (place) => [joinAt(place, place.home, '.junie')],
    toEntry: typed((url) => ({ url })),
    afterwards: 'Open Settings, Tools, Junie, MCP Settings.',
  },
  {
    id: 'goose',
    label: 'Goose',
    dialect: 'yaml',
    servers: 'extensions',
    userFile: (place) => joinAt(place, gooseFolder(place), 'config.yaml'),
    traces: (place) => [gooseFolder(place)],
    toEntry: (connection, name) => ({
      enabled: true,
      name,
      timeout: 300,
      ...(connection.mode === 'hosted'
        ? { type: 'streamable_http', uri: connection.url }
        : {
            type: 'stdio',
            cmd: connection.command,
            args: [...connection.args],
            envs: { ...connection.env },
          }),
    }),
    afterwards: 'Start a new Goose session.',
  },
  {
    id: 'opencode',
    label: 'opencode',
    dialect: 'jsonc',
    servers: 'mcp',
    userFile: (place) => joinAt(place, xdgFolder(place), 'opencode', 'opencode.json'),
    projectFile: (place) => joinAt(place, place.cwd, 'opencode.json'),
    traces: (place) => [joinAt(place, xdgFolder(place), 'opencode')],
    toEntry: typed(
      (url) => ({ type: 'remote', url, enabled: true }),
      ({ command, args, env }) => ({
        type: 'local',
        command: [command, ...args],
        ...(Object.keys(env).length === 0 ? {} : { environment: { ...env } }),
        enabled: true,
      }),
    ),
    afterwards: 'Check with "opencode mcp list"; "opencode mcp auth <name>" signs in.',
  },
];

function clineFolder(place: Place): string {
  return joinAt(place, settingsFolder(place), 'Code', 'User', 'globalStorage', 'saoudrizwan.claude-dev');
}

function gooseFolder(place: Place): string {
  return place.platform === 'win32'
    ? joinAt(place, settingsFolder(place), 'Block', 'goose', 'config')
    : joinAt(place, xdgFolder(place), 'goose');
}
