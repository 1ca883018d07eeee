/** `npm run profiles`: what is wrong with profiles from files, and what a client sees of one. */
import { parseArgs } from 'node:util';
import { createFileProfile, readProfiles } from '@inferry/mcp-gateway/profiles';
import { ConfigError, type Env, speaking } from '@inferry/runtime';
import { printJson } from '../print-json.ts';

const usage =
  'npm run profiles -- check <file|folder> | show <name> [--folder profiles] [--url http://127.0.0.1:8080/mcp]; ' +
  'INFERRY_KEY is the key for --url, PROFILES_FOLDER the folder; --json: one document';

/** What a client is shown, from a file or from a server. */
interface Shown {
  title: string;
  instructions: string;
  tools: readonly {
    name: string;
    title?: string | undefined;
    description?: string | undefined;
    inputSchema: unknown;
  }[];
  /** What is seen with `--url` alone. */
  later: readonly string[];
}

/** `npm run profiles`: `check` ends with 1 where a file would not be served. */
export async function profiles(args: readonly string[], env: Env): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      folder: { type: 'string' },
      url: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  });
  const [verb, target, ...more] = positionals;
  const folder = values.folder ?? env.PROFILES_FOLDER;
  if (more.length > 0) throw new ConfigError([usage]);
  if (verb === 'check') return check(target ?? needed(folder), values.json);
  if (verb !== 'show' || target === undefined) throw new ConfigError([usage]);
  const shown =
    values.url === undefined ? showFile(needed(folder), target) : await askServer(values.url, target, env);
  if (shown === undefined) {
    speaking(process.stderr, env).write(
      `There is no sound profile ${target} in ${folder}: npm run profiles -- check ${folder}\n`,
    );
    return 1;
  }
  if (values.json) return printJson(toDocument(shown));
  process.stdout.write(`${write(shown)}\n`);
  return 0;
}

function needed(folder: string | undefined): string {
  if (folder === undefined) throw new ConfigError(['name a file or a folder, or set PROFILES_FOLDER', usage]);
  return folder;
}

function check(path: string, isJson: boolean): number {
  const files = readProfiles(path);
  const code = files.length > 0 && files.every(({ spec }) => spec !== undefined) ? 0 : 1;
  if (isJson) {
    printJson({ profiles: files.map(toVerdict) });
    return code;
  }
  for (const file of files) tellVerdict(file);
  if (files.length === 0) process.stdout.write(`there is no .yaml, .yml or .json file in ${path}\n`);
  return code;
}

function tellVerdict({ key, spec, problems }: ReturnType<typeof readProfiles>[number]): void {
  for (const problem of problems) process.stdout.write(`${problem}\n`);
  if (spec === undefined) return;
  const pinned = Object.keys(spec.models ?? {}).length;
  process.stdout.write(
    `/mcp/${key}: sound; ${Object.keys(spec.tools ?? {}).length} tools and ${pinned} pinned models` +
      `${pinned > 0 ? ', whose inputs are checked where the catalog is (log, show --url)' : ''}\n`,
  );
  if (pinned > 0 && spec.tools?.get_run === undefined)
    process.stdout.write(
      `/mcp/${key}: without get_run a client cannot follow a run that outlasts its call\n`,
    );
}

function toVerdict({ key, spec, problems }: ReturnType<typeof readProfiles>[number]): object {
  return {
    ...{ path: `/mcp/${key}`, sound: spec !== undefined, problems },
    ...{ tools: Object.keys(spec?.tools ?? {}), pinned: Object.keys(spec?.models ?? {}) },
  };
}

function showFile(folder: string, name: string): Shown | undefined {
  const spec = readProfiles(folder).find(({ key }) => key === name)?.spec;
  if (spec === undefined) return undefined;
  const { instructions, tools } = createFileProfile({ key: name, spec, models: new Map() });
  return {
    ...{ title: spec.title, instructions: instructions(spec.title), tools },
    later: Object.entries(spec.models ?? {}).map(([tool, { model }]) => `${tool} (${model})`),
  };
}

async function askServer(url: string, name: string, { INFERRY_KEY: key }: Env): Promise<Shown> {
  // As: what a server of ours answers.
  const ask = async (method: string, params: object) => {
    const response = await fetch(`${url.replace(/\/+$/, '')}/${name}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    });
    const text = await response.text();
    if (!response.ok)
      throw new ConfigError([`${url}/${name} answers ${response.status}: ${text.slice(0, 300)}`]);
    return JSON.parse(text).result;
  };
  const clientInfo = { name: 'inferry-profiles', version: '1' };
  const start = await ask('initialize', { protocolVersion: '2025-06-18', capabilities: {}, clientInfo });
  const { tools } = await ask('tools/list', {});
  return { title: start.serverInfo.title, instructions: start.instructions, tools, later: [] };
}

function write({ title, instructions, tools, later }: Shown): string {
  const listed = tools.map(({ name, title: called, description, inputSchema }) => ({
    name,
    line: `${name}: ${description ?? called ?? ''}\n  ${JSON.stringify(inputSchema)}`,
    tokens: tokensOf(JSON.stringify({ name, title: called, description, inputSchema })),
  }));
  const sum = listed.reduce((all, { tokens }) => all + tokens, 0) + tokensOf(instructions);
  return [
    `${title}\n${instructions}\n`,
    ...listed.map(({ line, tokens }) => `${line}\n  about ${tokens} tokens`),
    ...later.map((one) => `${one}: its input is the model's own; a running server shows it (--url)`),
    `\n${tools.length} tools, about ${sum} tokens in all (four bytes each)`,
  ].join('\n');
}

function toDocument({ title, instructions, tools, later }: Shown): object {
  const listed = tools.map(({ name, title: called, description, inputSchema }) => {
    const tool = { name, title: called, description, inputSchema };
    return { ...tool, tokens: tokensOf(JSON.stringify(tool)) };
  });
  return { title, instructions, tools: listed, later };
}

function tokensOf(text: string): number {
  return Math.ceil(Buffer.byteLength(text) / 4);
}
