/** How a person connects a client to one server: its link, its command, its file, in words that a page and a document show. */
import { stringify as toToml } from 'smol-toml';
import { stringify as toYaml } from 'yaml';
import { type ClientKind, clientKinds, type Entry, type Named, type Place } from './client-table.ts';
import { pictureOf } from './pictures.ts';

/** The server that is connected to, as its clients meet it. */
export interface Server {
  /** Of the entry: letters, digits and dashes. */
  name: string;
  title: string;
  url: string;
  /** `none`: nothing is sent; `key`: a key in a header; `sign-in`: the client opens a browser. */
  access: 'none' | 'key' | 'sign-in';
  /** How a key begins, with dots for the rest. */
  keyShape: string;
}

export interface Way {
  id: string;
  label: string;
  /** A path on a square of 24. */
  picture: string | undefined;
  /** The client's own document. */
  guide: string;
  /** One click, where the client has an address for it. */
  link: string | undefined;
  command: string | undefined;
  /** `system` where the path is another one on each. */
  file: { where: readonly { system?: string; path: string }[]; text: string } | undefined;
  /** What there is to do by hand, where there is neither. */
  steps: readonly string[];
  afterwards: string;
}

/** Every client, those first that need no file. */
export function waysToConnect(server: Server): Way[] {
  return [
    claude(server),
    chatGpt(server),
    ...clientKinds.map((kind) => wayOf(kind, server)),
    anyClient(server),
  ].filter((way) => way !== undefined);
}

function headersOf({ access, keyShape }: Server): Named['headers'] {
  return access === 'key' ? { Authorization: `Bearer ${keyShape}` } : undefined;
}

function wayOf(kind: ClientKind, server: Server): Way {
  const { id, label, guide, afterwards } = kind;
  const { name, url } = server;
  const headers = headersOf(server);
  const named: Named = { name, url, headers };
  const entry = kind.toEntry({ mode: 'hosted', url, headers }, name);
  return {
    ...{ id, label, guide, afterwards: afterwards.replaceAll('<name>', name) },
    picture: pictureOf(id),
    link: kind.link?.(named),
    command: kind.command?.(named),
    file: { where: filesOf(kind), text: write(kind, name, entry) },
    steps: [],
  };
}

/** Neither has a file: what they connect to, their own servers reach. */
function claude({ title, url, access }: Server): Way | undefined {
  if (access === 'key' || !url.startsWith('https:')) return undefined;
  const query = `connectorName=${encodeURIComponent(title)}&connectorUrl=${encodeURIComponent(url)}`;
  return {
    ...{ id: 'claude', label: 'Claude', picture: pictureOf('claude') },
    guide:
      'https://support.claude.com/en/articles/11175166-getting-started-with-custom-connectors-using-remote-mcp',
    link: `https://claude.ai/customize/connectors?modal=add-custom-connector&${query}`,
    ...{ command: undefined, file: undefined },
    steps: [
      'On claude.ai or in Claude Desktop open Settings, Connectors, and choose “Add custom connector”.',
      `Call it ${title} and paste the address.`,
      access === 'sign-in' ? 'Choose Connect, sign in and approve what it may do.' : 'Choose Connect.',
    ],
    afterwards: 'The tools are in the menu beside the message.',
  };
}

function chatGpt({ title, url, access }: Server): Way | undefined {
  if (access === 'key' || !url.startsWith('https:')) return undefined;
  return {
    ...{ id: 'chatgpt', label: 'ChatGPT', picture: pictureOf('chatgpt') },
    guide: 'https://platform.openai.com/docs/guides/developer-mode',
    ...{ link: undefined, command: undefined, file: undefined },
    steps: [
      'In Settings, Apps and connectors, Advanced settings, switch on developer mode.',
      `Choose Create, call it ${title}, and paste the address.`,
      access === 'sign-in'
        ? 'Choose OAuth, sign in and approve what it may do.'
        : 'Choose no authentication.',
    ],
    afterwards: 'Choose it in the menu beside the message.',
  };
}

/** Whatever else speaks MCP: over HTTP, or through a bridge where it starts its servers itself. */
function anyClient(server: Server): Way {
  const bridge = clientKinds.find(({ id }) => id === 'claude-desktop');
  const entry = bridge?.toEntry({ mode: 'hosted', url: server.url, headers: headersOf(server) }, server.name);
  return {
    ...{ id: 'other', label: 'Any other client', picture: undefined },
    guide: 'https://modelcontextprotocol.io/clients',
    ...{ link: undefined, command: undefined },
    file: { where: [], text: JSON.stringify(entry, undefined, 2) },
    steps: [
      'A client that speaks Streamable HTTP needs the address alone.',
      'One that only starts processes is given this one, which passes everything on.',
    ],
    afterwards: 'The first call opens the sign-in where there is one.',
  };
}

const places: readonly Place[] = [
  { platform: 'darwin', home: '~', cwd: '.', env: {} },
  { platform: 'linux', home: '~', cwd: '.', env: {} },
  { platform: 'win32', home: '%USERPROFILE%', cwd: '.', env: { APPDATA: '%APPDATA%' } },
];

/** Where the file is, as a person types it. */
function filesOf(kind: ClientKind): { system?: string; path: string }[] {
  const [mac = '', linux = '', windows = ''] = places.map((place) => kind.userFile(place));
  const unix =
    mac === linux
      ? [{ path: mac }]
      : [
          { system: 'macOS', path: mac },
          { system: 'Linux', path: linux },
        ];
  return [...unix, { system: 'Windows', path: windows }];
}

function write({ dialect, servers }: ClientKind, name: string, entry: Entry): string {
  const whole = { [servers]: { [name]: entry } };
  if (dialect === 'toml') return toToml(whole).trim();
  if (dialect === 'yaml') return toYaml(whole).trim();
  return JSON.stringify(whole, undefined, 2);
}
