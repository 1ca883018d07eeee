import { parse as parseToml } from 'smol-toml';
import { describe, expect, it } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { clientKinds, type Dialect } from './client-table.ts';
import { type Server, type Way, waysToConnect } from './ways.ts';

const server: Server = {
  name: 'acme-ai',
  title: 'Acme AI',
  url: 'https://mcp.example.com/mcp?x=1&y=2',
  access: 'sign-in',
  keyShape: 'YOUR_KEY',
};

const readers: Record<Dialect, (text: string) => unknown> = {
  json: (text) => JSON.parse(text),
  jsonc: (text) => JSON.parse(text),
  toml: (text) => parseToml(text),
  yaml: (text) => parseYaml(text),
};

const { url } = server;
const headers = { Authorization: 'Bearer YOUR_KEY' };
const started = { command: 'npx', args: ['-y', 'inferry'], env: { KEY: 'YOUR_KEY' } };
const bridged = {
  command: 'npx',
  args: ['-y', 'mcp-remote', url, '--header', `Authorization:\${MCP_AUTHORIZATION}`],
  env: { MCP_AUTHORIZATION: 'Bearer YOUR_KEY' },
};

function wayOf(id: string, changes: Partial<Server> = {}): Way {
  const way = waysToConnect({ ...server, ...changes }).find((one) => one.id === id);
  if (way === undefined) throw new Error(`there is no way for ${id}`);
  return way;
}

function configIn(link: string | undefined): unknown {
  const written = new URL(link ?? '').searchParams.get('config') ?? '';
  return JSON.parse(Buffer.from(written, 'base64').toString());
}

describe('ways to connect', () => {
  it('are there for every client that the installer knows, each with its own guide', () => {
    const ways = waysToConnect(server);

    expect(ways.map(({ id }) => id)).toEqual([
      'claude',
      'chatgpt',
      ...clientKinds.map(({ id }) => id),
      'other',
    ]);
    expect(ways.filter(({ guide }) => new URL(guide).protocol !== 'https:')).toEqual([]);
  });

  it('write the file in its dialect, with the entry that the installer writes', () => {
    for (const kind of clientKinds) {
      const text = wayOf(kind.id).file?.text ?? '';

      expect(readers[kind.dialect](text)).toEqual({
        [kind.servers]: { 'acme-ai': kind.toEntry({ mode: 'hosted', url: server.url }, 'acme-ai') },
      });
    }
  });

  // As the clients' own pages showed it on 2026-12-01: where servers stand, and the fields of one.
  it.each([
    // code.claude.com/docs/en/mcp
    ['claude-code', ['mcpServers', { type: 'http', url, headers }], { type: 'stdio', ...started }],
    // modelcontextprotocol.io/docs/develop/connect-local-servers: processes alone
    ['claude-desktop', ['mcpServers', bridged], started],
    // cursor.com/docs/mcp
    ['cursor', ['mcpServers', { url, headers }], started],
    // docs.windsurf.com/windsurf/cascade/mcp: `url` alone does not connect
    ['windsurf', ['mcpServers', { serverUrl: url, headers }], started],
    // code.visualstudio.com/docs/copilot/reference/mcp-configuration: the type is required
    ['vscode', ['servers', { type: 'http', url, headers }], { type: 'stdio', ...started }],
    // developers.openai.com/codex/mcp: `headers` is passed over
    ['codex', ['mcp_servers', { url, http_headers: headers }], started],
    // geminicli.com/docs/tools/mcp-server: `url` alone is the older transport
    ['gemini', ['mcpServers', { httpUrl: url, headers }], started],
    // zed.dev/docs/ai/mcp: it takes `source` out of files that have it
    ['zed', ['context_servers', { url, headers }], started],
    // opencode.ai/docs/migrate-v1: the form of its first major version, which the second reads as well
    [
      'opencode',
      ['mcp', { type: 'remote', url, headers, enabled: true }],
      { type: 'local', command: ['npx', '-y', 'inferry'], environment: { KEY: 'YOUR_KEY' }, enabled: true },
    ],
    // lmstudio.ai/docs/app/mcp
    ['lm-studio', ['mcpServers', { url, headers }], started],
  ])(
    '%s gets the fields that it documents, over HTTP and as a process',
    (id, [servers = '', hosted], local) => {
      const kind = clientKinds.find((one) => one.id === id);
      const text = wayOf(id, { access: 'key' }).file?.text ?? '';

      expect(readers[kind?.dialect ?? 'json'](text)).toEqual({ [String(servers)]: { 'acme-ai': hosted } });
      expect(kind?.toEntry({ mode: 'local', ...started }, 'acme-ai')).toEqual(local);
    },
  );

  it('Cursor and LM Studio take a name and the entry in base64', () => {
    for (const id of ['cursor', 'lm-studio']) {
      const { link } = wayOf(id);

      expect(configIn(link)).toEqual({ url: server.url });
      expect(new URL(link ?? '').searchParams.get('name')).toBe('acme-ai');
    }
    expect(wayOf('cursor').link).toMatch(/^cursor:\/\/anysphere\.cursor-deeplink\/mcp\/install\?/);
    expect(wayOf('lm-studio').link).toMatch(/^lmstudio:\/\/add_mcp\?/);
  });

  it('Visual Studio Code takes the entry as JSON, and asks for a key instead of storing one', () => {
    const read = (link = '') => JSON.parse(decodeURIComponent(link.slice(link.indexOf('?') + 1)));

    expect(wayOf('vscode').link).toMatch(/^vscode:mcp\/install\?/);
    expect(read(wayOf('vscode-insiders').link)).toEqual({ name: 'acme-ai', type: 'http', url: server.url });
    const { headers, inputs } = read(wayOf('vscode', { access: 'key' }).link);
    expect(headers).toEqual({ Authorization: `Bearer \${input:${inputs[0].id}}` });
    expect(inputs[0]).toMatchObject({ type: 'promptString', password: true });
  });

  it('Goose takes the address and headers in a query', () => {
    const asked = new URL(wayOf('goose', { access: 'key' }).link ?? '').searchParams;

    expect(Object.fromEntries(asked)).toMatchObject({
      type: 'streamable_http',
      url: server.url,
      name: 'acme-ai',
      header: 'Authorization=Bearer YOUR_KEY',
    });
  });

  it('Claude opens its dialog with name and address [RW-08]', () => {
    const { link, steps } = wayOf('claude');

    expect(Object.fromEntries(new URL(link ?? '').searchParams)).toEqual({
      modal: 'add-custom-connector',
      connectorName: 'Acme AI',
      connectorUrl: server.url,
    });
    expect(steps.join(' ')).toMatch(
      /Settings, Connectors.*Add custom connector.*Connect, sign in and approve/,
    );
  });

  it('of clients whose servers do the connecting are left out where those cannot come', () => {
    const ids = (changes: Partial<Server>) => waysToConnect({ ...server, ...changes }).map(({ id }) => id);

    expect(ids({ url: 'http://127.0.0.1:8080/mcp', access: 'none' })).not.toContain('claude');
    expect(ids({ access: 'key' })).not.toContain('chatgpt');
  });

  it.each([
    [
      'claude-code',
      /^claude mcp add --transport http --scope user acme-ai "https:.*" --header "Authorization: Bearer YOUR_KEY"$/,
    ],
    [
      'gemini',
      /^gemini mcp add --transport http --scope user acme-ai "https:.*" --header "Authorization: Bearer YOUR_KEY"$/,
    ],
    ['codex', /^codex mcp add acme-ai --url "https:.*" --bearer-token-env-var INFERRY_KEY$/],
    ['vscode', /^code --add-mcp '\{"name":"acme-ai",.*"Authorization":"Bearer YOUR_KEY"\}\}'$/],
  ])('%s adds it by one command, quoted for a shell', (id, command) => {
    expect(wayOf(id, { access: 'key' }).command).toMatch(command);
  });

  it('a client that starts processes gets a bridge that takes the key from its environment [MR-07][RW-13][RF-10]', () => {
    const entry = JSON.parse(wayOf('other', { access: 'key' }).file?.text ?? '{}');

    expect(entry).toEqual({
      command: 'npx',
      args: ['-y', 'mcp-remote', server.url, '--header', `Authorization:\${MCP_AUTHORIZATION}`],
      env: { MCP_AUTHORIZATION: 'Bearer YOUR_KEY' },
    });
  });

  it('say where the file is on each system [RP-17][RP-18]', () => {
    expect(wayOf('claude-desktop').file?.where).toEqual([
      { system: 'macOS', path: '~/Library/Application Support/Claude/claude_desktop_config.json' },
      { system: 'Linux', path: '~/.config/Claude/claude_desktop_config.json' },
      { system: 'Windows', path: '%APPDATA%\\Claude\\claude_desktop_config.json' },
    ]);
    expect(wayOf('cursor').file?.where[0]).toEqual({ path: '~/.cursor/mcp.json' });
  });
});
