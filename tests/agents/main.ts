// npm run trial:agents -- [--only codex] [--fresh] [--json]: agents that are too heavy for every clone, each with a scripted model.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { parseStartConfig, startEmbedded } from '@inferry/cli';
import { inferry } from '@inferry/profiles';
import { freePort } from '@inferry/testing';
import { countTokens } from 'gpt-tokenizer';
import { type AgentClient, agentClients } from './clients.ts';
import { missingFrom, plainly, script } from './script.ts';
import { type Asked, startScriptedModel } from './scripted-model.ts';

const usage = `npm run trial:agents -- [--only ${Object.keys(agentClients).join('|')}] [--fresh] [--json]
Installs each agent in a folder of its own below the machine's temporary one (kept for the next time, unless --fresh),
lets it follow a script on a system of its own, and says what its model was not told. Exit code 1: something was missing.`;
/** An agent does its six questions in a few seconds; a machine may be busy. */
const patienceMs = 180_000;

/** In the canonical tools' names, with whatever a client puts before them. */
const toolNames = new RegExp(`(^|_)(${inferry.tools.map(({ name }) => name).join('|')})$`);

interface Ended {
  code: number | null;
  output: string;
}

interface Report {
  client: string;
  packages: readonly string[];
  megabytes: number;
  /** How often the model was asked: one more is one that had to be said again. */
  questions: number;
  tokens: { tools: number; conversation: number };
  missing: readonly string[];
}

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    fresh: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const unknown = (values.only ?? []).find((name) => !Object.hasOwn(agentClients, name));
if (values.help || unknown !== undefined) {
  process.stderr.write(`${usage}\n`);
  process.exitCode = values.help ? 0 : 2;
} else {
  const reports = await tryAll(values.only ?? Object.keys(agentClients));
  if (values.json) process.stdout.write(`${JSON.stringify(reports, undefined, 2)}\n`);
  else for (const report of reports) process.stdout.write(`${toLine(report)}\n`);
  process.exitCode = reports.every(({ missing }) => missing.length === 0) ? 0 : 1;
}

async function tryAll(names: readonly string[]): Promise<Report[]> {
  const home = await mkdtemp(join(tmpdir(), 'inferry-agents-home-'));
  const port = await freePort();
  const env = { INFERRY_HOME: home, PROVIDERS: 'local', PORT: String(port), LOG_LEVEL: 'fatal' };
  const system = await startEmbedded(parseStartConfig(env), env);
  const reports: Report[] = [];
  try {
    for (const name of names) {
      const client = agentClients[name];
      if (client !== undefined) reports.push(await tryOne(name, client, `http://127.0.0.1:${port}/mcp`));
    }
  } finally {
    await system.close(5_000);
    await rm(home, { recursive: true, force: true });
  }
  return reports;
}

async function tryOne(name: string, client: AgentClient, mcp: string): Promise<Report> {
  const folder = join(tmpdir(), 'inferry-agents', name);
  if (values.fresh) await rm(folder, { recursive: true, force: true });
  await install(folder, client.packages);
  const model = await startScriptedModel(script);
  try {
    const { args, env } = await client.prepare(folder, { model, mcp });
    const cwd = join(folder, 'work');
    await mkdir(cwd, { recursive: true });
    const program = spawn(process.execPath, args, {
      cwd,
      // Nothing of the person who starts this: no keys, no settings.
      env: { PATH: process.env.PATH, HOME: folder, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const ended = await endOf(program);
    return {
      client: name,
      packages: client.packages,
      ...(await judged(client, { asked: model.asked, ended, folder })),
    };
  } finally {
    model.close();
  }
}

async function install(folder: string, packages: readonly string[]): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'package.json'), '{ "private": true }\n');
  const npm = spawn('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', ...packages], {
    cwd: folder,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  });
  const [code] = await once(npm, 'exit');
  if (code !== 0) throw new Error(`npm could not install ${packages.join(' ')}`);
}

/** What it wrote, and how it ended. */
async function endOf(program: ChildProcess): Promise<Ended> {
  let output = '';
  for (const stream of [program.stdout, program.stderr])
    stream?.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  const timer = setTimeout(() => program.kill('SIGKILL'), patienceMs);
  const [code] = await once(program, 'close');
  clearTimeout(timer);
  return { code, output };
}

async function judged(
  client: AgentClient,
  { asked, ended, folder }: { asked: readonly Asked[]; ended: Ended; folder: string },
): Promise<Omit<Report, 'client' | 'packages'>> {
  const { said = '', tools = [] } = asked.at(-1) ?? {};
  const missing = missingFrom(said);
  if (!client.picture.test(plainly(said))) missing.push('the picture');
  if (/resource.?link/i.test(said)) missing.push('each link once');
  if (asked.length !== script.length + 1)
    missing.push(`one question for each step (it asked ${asked.length})`);
  if (ended.code !== 0 || !ended.output.includes('done'))
    missing.push(`an orderly end (code ${ended.code}: ${ended.output.slice(-2_000)})`);
  const ours = tools.filter(({ name, namespace }) => toolNames.test(name) || namespace?.includes('inferry'));
  const run = ours.find(({ name }) => name.endsWith('run_model'));
  const shown = JSON.stringify(run?.parameters ?? {});
  if (
    client.hasOwnSchemas !== true &&
    !/"input":\{[^{}]*"properties":\{\},"additionalProperties":true/.test(shown)
  )
    missing.push('that any field may stand in `input`');
  return {
    megabytes: await megabytesOf(join(folder, 'node_modules')),
    questions: asked.length,
    tokens: { tools: countTokens(JSON.stringify(ours)), conversation: countTokens(said) },
    missing,
  };
}

async function megabytesOf(folder: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name))).size;
  return Math.round(bytes / 1_000_000);
}

function toLine({ client, packages, megabytes, questions, tokens, missing }: Report): string {
  const figures = `${megabytes} MB, ${questions} questions, ${tokens.tools} tokens of tools, ${tokens.conversation} said`;
  const verdict = missing.length === 0 ? 'told everything' : `NOT told: ${missing.join('; ')}`;
  return `${client.padEnd(11)} ${packages[0]}: ${figures}: ${verdict}`;
}
