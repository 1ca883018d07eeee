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
  | { mode: 'hosted'; url: string; headers?: Headers | undefined }
  | { mode: 'local'; command: string; args: readonly string[]; env: Readonly<Record<string, string>> };

type Headers = Readonly<Record<string, string>>;

export type Entry = Readonly<Record<string, unknown>>;

/** A server as a command or a link names it. */
export interface Named {
  name: string;
  url: string;
  headers?: Headers | undefined;
}

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
  /** Its own document about MCP servers. */
  guide: string;
  /** The command of its own that adds a server over HTTP. */
  command?(server: Named): string;
  /** The address that has it ask whether a server shall be added. */
  link?(server: Named): string;
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
function throughRemote(url: string, headers: Headers = {}): Entry {
  // Plain HTTP is refused by it except for this machine, where it is safe.
  const plain = url.startsWith('http://') ? ['--allow-http'] : [];
  // It takes values of headers from its environment: no key stands on a command line.
  const names = Object.keys(headers).map((header) => [
    header,
    `MCP_${header.toUpperCase().replace(/\W/g, '_')}`,
  ]);
  const args = names.flatMap(([header, variable]) => ['--header', `${header}:\${${variable}}`]);
  const env = Object.fromEntries(names.map(([header = '', variable = '']) => [variable, headers[header]]));
  return {
    command: 'npx',
    args: ['-y', 'mcp-remote', url, ...plain, ...args],
    ...(names.length === 0 ? {} : { env }),
  };
}

function withHeaders(entry: Entry, headers: Headers | undefined, property = 'headers'): Entry {
  return headers === undefined ? entry : { ...entry, [property]: { ...headers } };
}

/** As JSON in base64, in a query. */
function encoded(entry: Entry): string {
  return encodeURIComponent(Buffer.from(JSON.stringify(entry)).toString('base64'));
}

/** One word of a shell, of Unix and, where nothing needs quotes, of Windows too. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `"${word.replace(/["$`\\]/g, '\\$&')}"`;
}

function headerOptions(headers: Headers = {}): string {
  return Object.entries(headers)
    .map(([header, value]) => ` --header ${quoted(`${header}: ${value}`)}`)
    .join('');
}

function started({ command, args, env }: Local): Entry {
  return { command, args: [...args], ...(Object.keys(env).length === 0 ? {} : { env: { ...env } }) };
}

function typed(hosted: (url: string) => Entry, local: (connection: Local) => Entry = started) {
  return (connection: Connection): Entry =>
    connection.mode === 'hosted'
      ? withHeaders(hosted(connection.url), connection.headers)
      : local(connection);
}

interface EditorNames {
  /** Of its settings. */
  folder: string;
  program: string;
  /** Of its links, where it is known to take this one. */
  scheme?: string;
}

/** A Visual Studio Code or what is built of it: the same files in a folder of another name. */
function editor(id: string, label: string, { folder, program, scheme }: EditorNames): ClientKind {
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
    guide: 'https://code.visualstudio.com/docs/copilot/customization/mcp-servers',
    command: (server) => `${program} --add-mcp '${JSON.stringify(toNamed(server))}'`,
    ...(scheme === undefined
      ? {}
      : { link: (server) => `${scheme}:mcp/install?${encodeURIComponent(JSON.stringify(toAsked(server)))}` }),
  };
}

/** It asks for secrets itself, and keeps them where no file shows them. */
function toAsked({ headers, ...server }: Named): Entry {
  const names = Object.keys(headers ?? {});
  if (names.length === 0) return toNamed(server);
  const asked = Object.fromEntries(names.map((name) => [name, `Bearer \${input:${name.toLowerCase()}}`]));
  const inputs = names.map((name) => ({
    type: 'promptString',
    id: name.toLowerCase(),
    description: `Key of ${server.name}`,
    password: true,
  }));
  return { ...toNamed({ ...server, headers: asked }), inputs };
}

function toNamed({ name, url, headers }: Named): Entry {
  return withHeaders({ name, type: 'http', url }, headers);
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
    guide: 'https://code.claude.com/docs/en/mcp',
    command: ({ name, url, headers }) =>
      `claude mcp add --transport http --scope user ${name} ${quoted(url)}${headerOptions(headers)}`,
  },
  {
    id: 'claude-desktop',
    label: 'Claude Desktop',
    dialect: 'json',
    servers: 'mcpServers',
    userFile: (place) => joinAt(place, settingsFolder(place), 'Claude', 'claude_desktop_config.json'),
    traces: (place) => [joinAt(place, settingsFolder(place), 'Claude')],
    toEntry: (connection) =>
      connection.mode === 'hosted' ? throughRemote(connection.url, connection.headers) : started(connection),
    afterwards: 'Quit Claude Desktop and start it again.',
    guide: 'https://modelcontextprotocol.io/docs/develop/connect-local-servers',
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
    guide: 'https://cursor.com/docs/context/mcp',
    link: ({ name, url, headers }) =>
      `cursor://anysphere.cursor-deeplink/mcp/install?name=${encodeURIComponent(name)}&config=${encoded(withHeaders({ url }, headers))}`,
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
    guide: 'https://docs.windsurf.com/windsurf/cascade/mcp',
  },
  editor('vscode', 'Visual Studio Code', { folder: 'Code', program: 'code', scheme: 'vscode' }),
  editor('vscode-insiders', 'Visual Studio Code Insiders', {
    folder: 'Code - Insiders',
    program: 'code-insiders',
    scheme: 'vscode-insiders',
  }),
  editor('vscodium', 'VSCodium', { folder: 'VSCodium', program: 'codium' }),
  {
    id: 'codex',
    label: 'Codex',
    dialect: 'toml',
    servers: 'mcp_servers',
    userFile: (place) =>
      joinAt(place, place.env.CODEX_HOME || joinAt(place, place.home, '.codex'), 'config.toml'),
    projectFile: (place) => joinAt(place, place.cwd, '.codex', 'config.toml'),
    traces: (place) => [place.env.CODEX_HOME || joinAt(place, place.home, '.codex')],
    toEntry: (connection) =>
      connection.mode === 'hosted'
        ? withHeaders({ url: connection.url }, connection.headers, 'http_headers')
        : started(connection),
    afterwards: 'Check with "codex mcp list"; "codex mcp login <name>" signs in.',
    guide: 'https://developers.openai.com/codex/mcp',
    // A key is named by the variable that holds it.
    command: ({ name, url, headers }) =>
      `codex mcp add ${name} --url ${quoted(url)}${headers === undefined ? '' : ' --bearer-token-env-var INFERRY_KEY'}`,
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
    guide: 'https://geminicli.com/docs/tools/mcp-server/',
    command: ({ name, url, headers }) =>
      `gemini mcp add --transport http --scope user ${name} ${quoted(url)}${headerOptions(headers)}`,
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
    toEntry: typed((url) => ({ url })),
    afterwards: 'Zed reads it at once; see the Agent panel, Settings.',
    guide: 'https://zed.dev/docs/ai/mcp',
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
    guide: 'https://docs.cline.bot/mcp/configuring-mcp-servers',
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
    guide: 'https://www.jetbrains.com/help/junie/model-context-protocol-mcp.html',
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
        ? withHeaders({ type: 'streamable_http', uri: connection.url }, connection.headers)
        : {
            type: 'stdio',
            cmd: connection.command,
            args: [...connection.args],
            envs: { ...connection.env },
          }),
    }),
    afterwards: 'Start a new Goose session.',
    guide: 'https://block.github.io/goose/docs/getting-started/using-extensions',
    link: ({ name, url, headers = {} }) => {
      const asked = [
        ['type', 'streamable_http'],
        ['url', url],
        ['id', name],
        ['name', name],
        ['description', 'AI inference'],
        ...Object.entries(headers).map(([header, value]) => ['header', `${header}=${value}`]),
      ];
      return `goose://extension?${asked.map(([key, value = '']) => `${key}=${encodeURIComponent(value)}`).join('&')}`;
    },
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
    guide: 'https://opencode.ai/docs/mcp-servers/',
  },
  {
    id: 'lm-studio',
    label: 'LM Studio',
    dialect: 'json',
    servers: 'mcpServers',
    userFile: (place) => joinAt(place, place.home, '.lmstudio', 'mcp.json'),
    traces: (place) => [joinAt(place, place.home, '.lmstudio')],
    toEntry: typed((url) => ({ url })),
    afterwards: 'LM Studio reads it at once; switch the server on beside the chat.',
    guide: 'https://lmstudio.ai/docs/app/mcp',
    link: ({ name, url, headers }) =>
      `lmstudio://add_mcp?name=${encodeURIComponent(name)}&config=${encoded(withHeaders({ url }, headers))}`,
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
