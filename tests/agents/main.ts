// npm run trial:agents -- [--installer | --only codex] [--fresh] [--json]: agents that are too heavy for every clone, each with a scripted model.
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { parseStartConfig, startEmbedded } from '@inferry/cli';
import { inferry } from '@inferry/profiles';
import { freePort } from '@inferry/testing';
import { countTokens } from 'gpt-tokenizer';
import { type AgentClient, agentClients } from './clients.ts';
import { type Listing, tryInstaller } from './installer.ts';
import { type Ended, install, runProgram } from './programs.ts';
import { missingFrom, plainly, script } from './script.ts';
import { type Asked, startScriptedModel } from './scripted-model.ts';

const usage = `npm run trial:agents -- [--only ${Object.keys(agentClients).join('|')}] [--fresh] [--json] | --installer [--json]
Installs each agent in a folder of its own below the machine's temporary one (kept for the next time, unless --fresh),
lets it follow a script on a system of its own, and says what its model was not told. --installer:
clients' own command lines list what "inferry add" wrote. Exit code 1: something was missing.`;
/** In the canonical tools' names, with whatever a client puts before them. */
const toolNames = new RegExp(`(^|_)(${inferry.tools.map(({ name }) => name).join('|')})$`);

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
    installer: { type: 'boolean', default: false },
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
  const reports = values.installer
    ? await withSystem(tryInstaller)
    : await withSystem((mcp) => tryAll(values.only ?? Object.keys(agentClients), mcp));
  if (values.json) process.stdout.write(`${JSON.stringify(reports, undefined, 2)}\n`);
  else for (const report of reports) process.stdout.write(`${toLine(report)}\n`);
  process.exitCode = reports.every(({ missing }) => missing.length === 0) ? 0 : 1;
}

/** On a system that is there for this alone. */
async function withSystem<T>(use: (mcp: string) => Promise<T>): Promise<T> {
  const home = await mkdtemp(join(tmpdir(), 'inferry-agents-home-'));
  const port = await freePort();
  const env = { INFERRY_HOME: home, PROVIDERS: 'local', PORT: String(port), LOG_LEVEL: 'fatal' };
  const system = await startEmbedded(parseStartConfig(env), env);
  try {
    return await use(`http://127.0.0.1:${port}/mcp`);
  } finally {
    await system.close(5_000);
    await rm(home, { recursive: true, force: true });
  }
}

async function tryAll(names: readonly string[], mcp: string): Promise<Report[]> {
  const reports: Report[] = [];
  for (const name of names) {
    const client = agentClients[name];
    if (client !== undefined) reports.push(await tryOne(name, client, mcp));
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
    const place = { home: folder, cwd: join(folder, 'work'), env };
    const ended = await runProgram([process.execPath, ...args], place);
    return {
      client: name,
      packages: client.packages,
      ...(await judged(client, { asked: model.asked, ended, folder })),
    };
  } finally {
    model.close();
  }
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

function toLine(report: Report | Listing): string {
  if ('questions' in report) return toAgentLine(report);
  const { client, packages, listed, missing } = report;
  const verdict = missing.length === 0 ? 'lists both, and none when removed' : `NOT: ${missing.join('; ')}`;
  return [`${client.padEnd(11)} ${packages[0]}: ${verdict}`, ...listed].join('\n    ');
}

function toAgentLine({ client, packages, megabytes, questions, tokens, missing }: Report): string {
  const figures = `${megabytes} MB, ${questions} questions, ${tokens.tools} tokens of tools, ${tokens.conversation} said`;
  const verdict = missing.length === 0 ? 'told everything' : `NOT told: ${missing.join('; ')}`;
  return `${client.padEnd(11)} ${packages[0]}: ${figures}: ${verdict}`;
}
