/** `docs/quick-connect.md`: how each client is connected, from the table that the installer and the quick-connect page read. */
import { clientKinds, type Way, waysToConnect } from '@inferry/clients';
import { profiles } from '@inferry/profiles';
import { adapters } from '@inferry/providers';

const url = 'http://127.0.0.1:8080/mcp';
const remote = 'https://ai.example.com/mcp';

function waysAt(address: string, access: 'none' | 'key' | 'sign-in'): Way[] {
  return waysToConnect({ name: 'inferry', title: 'Inferry', url: address, access, keyShape: 'ifr_YOUR_KEY' });
}

export function quickConnectPage(): string {
  const open = new Map(waysAt(url, 'none').map((way) => [way.id, way]));
  const keyed = new Map(waysAt(url, 'key').map((way) => [way.id, way]));
  const hosted = waysAt(remote, 'sign-in').filter(({ id }) => !open.has(id));
  return [
    '<!-- Written by `npm run docs` from libs/clients and libs/profiles; do not edit. -->',
    '# Quick connect',
    'A browser at the address of your server (`http://127.0.0.1:8080/` after `npm start`) finds this page for that address, with a link',
    'for each client that has one and buttons to copy. `npm run add` (`npx inferry add`) writes the files for you, shows each change',
    'before, and `npm run remove` takes exactly its own out again. What follows is the same by hand.',
    '',
    '## Addresses',
    'One server, several mounts: `/mcp` has the tools of Inferry, and each product’s own tools are below it. With sign-in the client needs',
    'the address alone; nothing else stands in its configuration.',
    '',
    '| whose tools | address | its key in `Authorization: Bearer …` | as a process |',
    '|---|---|---|---|',
    ...profiles.map(productRow),
    '',
    'Nobody’s key is needed for the first row on your own machine. A key of a platform is taken where the operator says so',
    '(`MCP_ACCEPTED_KEY_PREFIXES=rf_live_=runflow`), and spends that platform’s credits alone. A host of its own (`PROFILE_HOSTS=',
    'mcp.example.com=runware`) has the product’s tools at its root, as the product’s own address has them.',
    '',
    '## Keys in files',
    `- Write the key itself into a header: Claude Code, Cursor and VS Code may send \`\${VARIABLE}\` as it stands there, and the answer is`,
    '  401. Where the key should not stand in the file, use `mcp-remote` (below), which reads it from its environment.',
    '- Never commit a file with a key in it: put a project’s file into `.gitignore`, or use the user’s own file. `inferry add` warns of it,',
    '  and gives a file that holds a key to its owner alone.',
    '- VS Code asks for the key and keeps it itself when the server is added by the link of the quick-connect page.',
    '',
    '## Clients',
    ...[
      ...hosted.map((way) => section(way, undefined)),
      ...[...open.values()].map((way) => section(way, keyed.get(way.id))),
    ],
    '## As a process',
    'A client that starts its servers itself runs `inferry stdio`; the key comes from its environment. Pin the version',
    '(`inferry@0.1.0`) to start the same one each time.',
    '',
    '    claude mcp add runpod -s user -e RUNPOD_API_KEY=YOUR_API_KEY -- npx -y inferry stdio --profile runpod',
    '    claude mcp add runpod -s project -e RUNPOD_API_KEY=YOUR_API_KEY -- npx -y inferry stdio --profile runpod',
    '',
    'Look at it with `claude mcp list`; in a session `/mcp` connects again. Every other client (Claude Desktop, Cursor, VS Code,',
    'Windsurf, Cline, JetBrains, …) takes the same three things: command, arguments, environment.',
    '',
    '```json',
    JSON.stringify(
      {
        mcpServers: {
          runware: {
            command: 'npx',
            args: ['-y', 'inferry', 'stdio', '--profile', 'runware'],
            env: { RUNWARE_API_KEY: 'YOUR_API_KEY' },
          },
        },
      },
      undefined,
      2,
    ),
    '```',
    '',
    'Restart the client after its file was changed. More clients: <https://modelcontextprotocol.io/clients>.',
    '',
    '## For programs',
    '| what | where |',
    '|---|---|',
    '| server card (SEP-2127) | `<address>/server-card` |',
    '| all cards of a host | `/.well-known/ai-catalog.json` |',
    '| what there is, for agents | `/llms.txt`, `/llms-full.txt`, `/models/<id>/llms.txt`; of a mount below its address |',
    '| registry of MCP servers | [`server.json`](../server.json), published with the package |',
    '| plugins of Claude Code | `/plugin marketplace add <this repository, or a clone of it>`, then `/plugin install runpod@inferry`, `inferry@inferry`, …; `inferry-server@inferry` is the server at `INFERRY_URL` |',
    '| desktop clients that install bundles | `npm run package -- --mcpb` makes `dist/inferry-<version>.mcpb`; it needs a client with Node 24 |',
    '',
    '`PUBLIC_PAGES=0` switches the first three and the page for browsers off; `PUBLIC_MODELS` says whose models strangers are told.',
    '',
    'When something does not work: [troubleshooting](troubleshooting.md).',
    '',
  ].join('\n');
}

function productRow({ key, serverInfo, access, providers = [] }: (typeof profiles)[number]): string {
  const [prefix] = Object.keys(access.keyPrefixes ?? {});
  const variable = adapters.find(({ slug }) => slug === providers[0])?.keyVariables[0];
  const isOwn = key === 'inferry';
  const start = `npx -y inferry stdio${isOwn ? '' : ` --profile ${key}`}`;
  const command = variable === undefined ? start : `${variable}=… ${start}`;
  const bearer = isOwn
    ? '`ifr_…`'
    : prefix === undefined
      ? '`ifr_…`, or sign in'
      : `\`${prefix}…\` or \`ifr_…\``;
  return `| ${serverInfo.title ?? 'Inferry'} | \`${isOwn ? '/mcp' : `/mcp/${key}`}\` | ${bearer} | \`${command}\` |`;
}

function section(way: Way, keyed: Way | undefined): string {
  const { id, label, steps, command, file, afterwards, guide } = way;
  const isInstalled = clientKinds.some((kind) => kind.id === id);
  const blocks = [
    `### ${label}`,
    [
      ...steps,
      ...(id === 'claude' || id === 'chatgpt'
        ? ['It needs an `https:` address that its servers can reach.']
        : []),
    ].join(' '),
    ...(command === undefined ? [] : [fence('sh', command)]),
    ...(keyed?.command === undefined ? [] : ['With a key:', fence('sh', keyed.command)]),
    ...(file === undefined ? [] : [`${placesOf(file.where)}${fence(languageOf(file.text), file.text)}`]),
    ...(keyed?.file === undefined
      ? []
      : ['With a key:', fence(languageOf(keyed.file.text), keyed.file.text)]),
    `${afterwards} [Its own guide](${guide}).${isInstalled ? ` \`inferry add --client ${id}\` does this.` : ''}`,
  ];
  return `${blocks.filter((block) => block !== '').join('\n\n')}\n`;
}

function placesOf(where: NonNullable<Way['file']>['where']): string {
  if (where.length === 0) return '';
  return `In ${where.map(({ system, path }) => `\`${path}\`${system === undefined ? '' : ` (${system})`}`).join(', ')}:\n\n`;
}

function languageOf(text: string): string {
  if (text.startsWith('{')) return 'json';
  return text.startsWith('[') ? 'toml' : 'yaml';
}

function fence(language: string, text: string): string {
  return `\`\`\`${language}\n${text}\n\`\`\``;
}
