// npm run trial:agents -- [--installer | --only codex] [--json]: what the agents that the suite installs cost, and what clients list.
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { parseStartConfig, startEmbedded } from '@inferry/cli';
import { freePort } from '@inferry/testing';
import { countTokens } from 'gpt-tokenizer';
import { type AgentName, agentClients, listTools, tryAgent } from './clients.ts';
import { installed, packagesOf } from './installed.ts';
import { type Listing, type ListingName, listingClients, tryInstaller } from './installer.ts';

// as: the keys of a literal.
const names = Object.keys(agentClients) as AgentName[];
const usage = `npm run trial:agents -- [--only ${names.join('|')}] [--json] | --installer [--json]
Lets each agent follow the script of the suite on a system of its own, and says what its model was not told, and what it
was told costs. --installer: clients' own command lines list what "inferry add" wrote. Exit code 1: something was wrong.`;

interface Report {
  client: string;
  packages: readonly string[];
  megabytes: number;
  /** How often the model was asked: one more is one that had to be said again. */
  questions: number;
  tokens: { tools: number; conversation: number };
  wrong: readonly string[];
}

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    installer: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const unknown = (values.only ?? []).find((only) => !names.some((name) => name === only));
if (values.help || unknown !== undefined) {
  process.stderr.write(`${usage}\n`);
  process.exitCode = values.help ? 0 : 2;
} else {
  const reports = values.installer ? await withSystem(tryListings) : await withSystem(tryAll);
  if (values.json) process.stdout.write(`${JSON.stringify(reports, undefined, 2)}\n`);
  else for (const report of reports) process.stdout.write(`${toLine(report)}\n`);
  process.exitCode = reports.every(({ wrong }) => wrong.length === 0) ? 0 : 1;
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

async function tryListings(mcp: string): Promise<Listing[]> {
  const listings: Listing[] = [];
  // as: the keys of a literal.
  for (const name of Object.keys(listingClients) as ListingName[])
    listings.push(await tryInstaller(name, mcp));
  return listings;
}

async function tryAll(mcp: string): Promise<Report[]> {
  const reports: Report[] = [];
  const listed = new Set((await listTools(mcp)).map(({ name }) => name));
  for (const name of names) {
    if (values.only !== undefined && !values.only.includes(name)) continue;
    const { asked, wrong } = await tryAgent(name, mcp);
    const { said = '', tools = [] } = asked.at(-1) ?? {};
    // With whatever a client puts before their names.
    const ours = tools.filter((tool) => [...listed].some((known) => `_${tool.name}`.endsWith(`_${known}`)));
    reports.push({
      client: name,
      packages: packagesOf(name),
      megabytes: await megabytesOf(join(await installed(name), 'node_modules')),
      questions: asked.length,
      tokens: { tools: countTokens(JSON.stringify(ours)), conversation: countTokens(said) },
      wrong,
    });
  }
  return reports;
}

async function megabytesOf(folder: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name))).size;
  return Math.round(bytes / 1_000_000);
}

function toLine(report: Report | Listing): string {
  if ('questions' in report) return toAgentLine(report);
  const { client, packages, listed, wrong } = report;
  const verdict = wrong.length === 0 ? 'lists both, and none when removed' : `NOT: ${wrong.join('; ')}`;
  return [`${client.padEnd(11)} ${packages[0]}: ${verdict}`, ...listed].join('\n    ');
}

function toAgentLine({ client, packages, megabytes, questions, tokens, wrong }: Report): string {
  const figures = `${megabytes} MB, ${questions} questions, ${tokens.tools} tokens of tools, ${tokens.conversation} said`;
  const verdict = wrong.length === 0 ? 'told everything, once' : `NOT: ${wrong.join('; ')}`;
  return `${client.padEnd(11)} ${packages[0]}: ${figures}: ${verdict}`;
}
