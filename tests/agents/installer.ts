/** Whether clients' own command lines list what `inferry add` wrote, and no more what it took out. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installed, packagesOf } from './installed.ts';
import { refusingProxy, runProgram } from './programs.ts';

interface ListingClient {
  /** As its folder in `clients/` is called. */
  name: string;
  /** Below the folder that it is installed in. */
  program: string;
  /** Scripts are started with this Node; else it is a program itself. */
  isScript: boolean;
  /** What stands in its configuration before, by path below the home. */
  before?: Readonly<Record<string, string>>;
  /** Where it is no program of Node's. */
  env?: Readonly<Record<string, string>>;
}

/** By the names that `inferry add --client` takes. */
export const listingClients = {
  codex: {
    name: 'codex',
    program: '@openai/codex/bin/codex.js',
    isScript: true,
    before: { '.codex/config.toml': 'model = "gpt-5" # kept\n' },
    env: refusingProxy,
  },
  gemini: {
    name: 'gemini-cli',
    program: '@google/gemini-cli/bundle/gemini.js',
    isScript: true,
    // Else it starts no server in a folder that nobody has said to trust.
    before: { '.gemini/settings.json': '{ "security": { "folderTrust": { "enabled": false } } }\n' },
  },
  'claude-code': {
    name: 'claude-code',
    // What its script after installing would have put in its place.
    program: `@anthropic-ai/claude-code-${process.platform}-${process.arch}/claude`,
    isScript: false,
    env: refusingProxy,
  },
} satisfies Readonly<Record<string, ListingClient>>;

const inferry = fileURLToPath(import.meta.resolve('@inferry/cli')).replace(/index\.ts$/, 'main.ts');

export interface Listing {
  client: string;
  packages: readonly string[];
  /** The lines of its list that name what was added. */
  listed: readonly string[];
  wrong: readonly string[];
}

export type ListingName = keyof typeof listingClients;

/** Adds the server at `mcp`, and one that is a process, and takes both out again. */
export async function tryInstaller(name: ListingName, mcp: string): Promise<Listing> {
  const client: ListingClient = listingClients[name];
  const folder = await installed(client.name);
  const home = await mkdtemp(join(tmpdir(), 'inferry-lists-'));
  const env = { INFERRY_HOME: join(home, 'inferry'), ...client.env };
  const place = { home, env };
  const program = join(folder, 'node_modules', client.program);
  const list = () =>
    runProgram([...(client.isScript ? [process.execPath] : []), program, 'mcp', 'list'], place);
  const order = async (...words: string[]) => {
    const command = [process.execPath, '--disable-warning=ExperimentalWarning', inferry, ...words];
    const ended = await runProgram([...command, '--client', name, '--yes'], {
      ...place,
      env: { ...env, RUNWARE_API_KEY: 'none-at-all' },
    });
    if (ended.code !== 0) throw new Error(`inferry ${words.join(' ')}: ${ended.output}`);
  };
  try {
    for (const [path, text] of Object.entries(client.before ?? {})) {
      await mkdir(join(home, path, '..'), { recursive: true });
      await writeFile(join(home, path), text);
    }
    await order('add', '--url', mcp);
    await order('add', '--mode', 'local', '--profile', 'runware');
    const listed = await list();
    await order('remove');
    await order('remove', '--profile', 'runware');
    const after = await list();
    const hosted = linesOf(listed.output, ['inferry', mcp]);
    const local = linesOf(listed.output, ['runware', 'stdio --profile']);
    const wrong = [
      ...(hosted.length === 1 ? [] : ['the hosted server']),
      ...(local.length === 1 ? [] : ['the local server']),
      ...(listed.code === 0 ? [] : [`an orderly end (code ${listed.code}: ${listed.output.slice(-1_000)})`]),
      ...(listed.output.includes('none-at-all') ? ['silence about the key'] : []),
      ...(/\b(inferry|runware)\b/.test(after.output.replaceAll(home, '')) ? ['that it is gone'] : []),
    ];
    return { client: name, packages: packagesOf(client.name), listed: [...hosted, ...local], wrong };
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

function linesOf(output: string, words: readonly string[]): string[] {
  return output.split('\n').filter((line) => words.every((word) => line.includes(word)));
}
