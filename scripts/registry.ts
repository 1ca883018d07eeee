/**
 * What registries and clients read of the package before they run it: `server.json` for the registry of MCP servers, the plugins
 * of Claude Code's marketplace, and the manifest of an `.mcpb` bundle. Both follow from package.json, the adapters and the tools.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { listedByDefault, profiles } from '@inferry/profiles';
import { adapters } from '@inferry/providers';

interface Own {
  version: string;
  description: string;
  license: string;
  mcpName: string;
}

const schema = 'https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json';
/** Registries show no more. */
const maxDescription = 100;

function readOwn(): Own {
  return JSON.parse(readFileSync(join(import.meta.dirname, '../package.json'), 'utf8'));
}

/** The keys of platforms that a person may have: each by the first of its variables. */
function keys(): { variable: string; title: string }[] {
  return adapters
    .filter(({ presetOf, keyless }) => presetOf === undefined && keyless !== 'always')
    .flatMap(({ keyVariables: [variable], title }) => (variable === undefined ? [] : [{ variable, title }]));
}

/** `server.json` in the root of the repository, for `mcp-publisher publish`. */
export function serverJson(): string {
  const { version, description, mcpName } = readOwn();
  const server = {
    $schema: schema,
    name: mcpName,
    title: 'Inferry',
    description: description.slice(0, maxDescription),
    version,
    packages: [
      {
        registryType: 'npm',
        identifier: 'inferry',
        version,
        runtimeHint: 'npx',
        transport: { type: 'stdio' },
        packageArguments: [
          { type: 'positional', value: 'stdio' },
          {
            type: 'named',
            name: '--profile',
            description: 'Whose tools: all of Inferry’s, or exactly those of one product.',
            default: 'inferry',
            choices: profiles.map(({ key }) => key),
          },
        ],
        environmentVariables: keys().map(({ variable, title }) => ({
          name: variable,
          description: `Key of ${title}; its models are in the search then.`,
          isRequired: false,
          isSecret: true,
        })),
      },
    ],
  };
  return `${JSON.stringify(server, undefined, 2)}\n`;
}

/** `manifest.json` of the bundle, whose package lies in `server/`. */
export function bundleManifest(): Record<string, unknown> {
  const { version, description, license } = readOwn();
  const names = keys().map((key) => ({ ...key, name: key.variable.toLowerCase() }));
  return {
    manifest_version: '0.3',
    name: 'inferry',
    display_name: 'Inferry',
    version,
    description,
    long_description:
      'Find, run and follow models of many inference platforms, and models that run on this machine without any key. ' +
      'Give the keys of the platforms that you have an account at, or none.',
    author: { name: 'The authors of Inferry' },
    icon: 'icon.png',
    license,
    keywords: ['inference', 'models', 'images', 'video', 'speech'],
    server: {
      type: 'node',
      entry_point: 'server/inferry.mjs',
      mcp_config: {
        command: 'node',
        args: [`\${__dirname}/server/inferry.mjs`, 'stdio', '--profile', `\${user_config.profile}`],
        env: Object.fromEntries(names.map(({ variable, name }) => [variable, `\${user_config.${name}}`])),
      },
    },
    tools: listedByDefault.map(({ name, title }) => ({ name, description: title })),
    // A profile has its own tools, and solutions are prompts.
    tools_generated: true,
    prompts_generated: true,
    user_config: {
      profile: {
        type: 'string',
        title: 'Profile',
        description: `Whose tools: ${profiles.map(({ key }) => key).join(', ')}.`,
        default: 'inferry',
        required: false,
      },
      ...Object.fromEntries(
        names.map(({ name, title }) => [
          name,
          // An empty value is the same as none.
          {
            ...{
              type: 'string',
              title: `${title} key`,
              description: `Your key of ${title}, if you have one.`,
            },
            ...{ sensitive: true, required: false, default: '' },
          },
        ]),
      ),
    },
    compatibility: { platforms: ['darwin', 'linux', 'win32'], runtimes: { node: '>=24.0.0' } },
  };
}

/**
 * `.claude-plugin/marketplace.json`: the repository as a marketplace of Claude Code. Each plugin is one MCP server and nothing else,
 * so that its entry says all of it: every profile as a process of the person's own, whose keys come from their environment, and
 * `inferry-server`, which is a server that runs already. What a source names is copied when a plugin is installed, so it names
 * the smallest folder that there is.
 */
export function marketplaceJson(): string {
  const { version, description, license } = readOwn();
  const entry = (name: string, said: string, server: object) => ({
    name,
    description: said,
    version,
    author: { name: 'Inferry' },
    license,
    category: 'ai',
    keywords: ['mcp', 'inference', name],
    source: './.claude-plugin',
    strict: false,
    mcpServers: { [name]: server },
  });
  const processes = profiles.map(({ key, serverInfo: { title = 'Inferry' } }) => {
    const isOwn = key === 'inferry';
    const said = isOwn
      ? description
      : `The tools of ${title}’s own MCP server${editionOf(key)}, in a process of yours.`;
    const args = ['-y', 'inferry', 'stdio', ...(isOwn ? [] : ['--profile', key])];
    return entry(key, said, { command: 'npx', args });
  });
  const hosted = entry(
    'inferry-server',
    'An Inferry server that runs already: INFERRY_URL is the address of its mount.',
    {
      type: 'http',
      url: `\${INFERRY_URL:-http://127.0.0.1:8080/mcp}`,
    },
  );
  const marketplace = {
    name: 'inferry',
    owner: { name: 'Inferry' },
    metadata: { description, version },
    plugins: [...processes, hosted],
  };
  return `${JSON.stringify(marketplace, null, 2)}\n`;
}

function editionOf(key: string): string {
  const edition = /-(\d+)$/.exec(key)?.[1];
  return edition === undefined ? '' : ` in its edition ${edition}`;
}
