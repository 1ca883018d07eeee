import { parseArgs } from 'node:util';
import type { Bus } from '@inferry/bus';
import { AppError, Secret } from '@inferry/contracts';
import type { Database } from '@inferry/database';
import {
  addTeamMember,
  findConnection,
  listAllConnections,
  listTeamMembers,
  removeTeamMember,
} from '@inferry/database/connections';
import type { Provider } from '@inferry/providers';
import { printJson } from './print-json.ts';
import { type Connections, createConnections, type Owner } from './vault/connections.ts';
import { probeCandidate } from './vault/credentials.ts';
import type { KekProvider } from './vault/key-ring.ts';
import { probeKey } from './vault/probe-key.ts';
import { openVault } from './vault/vault.ts';

export interface ConnectionsCommandOptions {
  database: Database;
  keks: KekProvider | undefined;
  providers: readonly Provider[];
  /** Tells the services at once; without it they find out within a minute. */
  bus?: Pick<Bus, 'publish'> | undefined;
  /** The whole of standard input: where a key comes from, never from the arguments. */
  readInput(): Promise<string>;
  out: { write(text: string): unknown };
  err: { write(text: string): unknown };
}

/** The arguments are not what the command takes. */
class UsageError extends Error {}

type Context = ConnectionsCommandOptions & { connections: Connections };

const usage = `Usage (a key is read from standard input):
  npm run connections -- add --provider <slug> [--user <subject> | --team <team>] [--label <text>] [--base-url <url>]
  npm run connections -- list
  npm run connections -- test <connection_id>
  npm run connections -- remove <connection_id>
  npm run connections -- join --team <team> --user <subject>
  npm run connections -- leave --team <team> --user <subject>
--json: one JSON document on standard output
`;
const probeTimeoutMs = 10_000;
const flags = {
  provider: { type: 'string' },
  user: { type: 'string' },
  team: { type: 'string' },
  label: { type: 'string' },
  'base-url': { type: 'string' },
  json: { type: 'boolean' },
} as const;
type Values = Partial<Record<Exclude<keyof typeof flags, 'json'>, string>> & { json?: boolean };

/** Runs one command and resolves with the exit code: 0, or 2 for wrong arguments; rejects with what is refused. */
export async function runConnectionsCommand(
  [command = '', ...args]: readonly string[],
  options: ConnectionsCommandOptions,
): Promise<number> {
  const run = Object.hasOwn(commands, command) ? commands[command] : undefined;
  try {
    const { values, positionals } = parseArgs({ args, options: flags, allowPositionals: true });
    if (run === undefined) throw new UsageError('What to do with connections?');
    const { database, keks } = options;
    const vault = keks === undefined ? undefined : await openVault(database, keks);
    const bus = options.bus ?? { publish: () => undefined };
    const connections = createConnections({ database, bus, vault, environment: [], now: Date.now });
    await run({ ...options, connections }, values, positionals);
    return 0;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    options.err.write(`${error.message}\n${usage}`);
    return 2;
  }
}

type Run = (context: Context, values: Values, positionals: string[]) => Promise<void>;

const commands: Readonly<Record<string, Run>> = {
  add,
  list,
  test,
  async remove({ connections, out }, { json }, [id = '']) {
    if (!(await connections.remove(id))) throw new AppError('not_found', 'There is no such connection.');
    if (json) return printJson(out, { connection_id: id, removed: true });
    out.write(`${id} is removed, and its key with it.\n`);
  },
  async join({ database, out }, values) {
    const membership = membershipOf(values);
    await addTeamMember(database.queries, membership);
    if (values.json) return printJson(out, { ...membership, member: true });
    out.write(`${membership.subject} uses the connections of ${membership.team} now.\n`);
  },
  async leave({ database, out }, values) {
    const membership = membershipOf(values);
    const isGone = await removeTeamMember(database.queries, membership);
    if (!isGone) throw new AppError('not_found', 'They are not in this team.');
    if (values.json) return printJson(out, { ...membership, member: false });
    out.write(`${membership.subject} has left ${membership.team}.\n`);
  },
};

async function add(context: Context, values: Values): Promise<void> {
  const { connections, providers, out, err } = context;
  const { provider, label = 'main', 'base-url': baseUrl } = values;
  if (provider === undefined) throw new UsageError('add needs --provider.');
  const owner = ownerOf(values);
  const adapter = providers.find(({ slug }) => slug === provider);
  if (adapter === undefined) {
    const known = providers.map(({ slug }) => slug).join(', ');
    throw new AppError('validation_failed', `There is no provider ${provider}; known: ${known}.`);
  }
  const text = (await context.readInput()).trim();
  if (!/^[\x21-\x7e]{8,4096}$/.test(text)) {
    throw new AppError('validation_failed', 'The key is one line of 8 to 4096 characters on standard input.');
  }
  const key = new Secret(text);
  const probe = await probeKey(adapter, { key, baseUrl, timeoutMs: probeTimeoutMs });
  if (probe.outcome === 'rejected')
    throw new AppError('unauthorized', `${adapter.title} does not accept this key.`);
  if (probe.outcome === 'unknown') err.write(`${adapter.title} did not say whether this key is good.\n`);
  const id = await connections.put({ provider, owner, label, key, baseUrl, origin: 'stored', probe });
  if (values.json) return printJson(out, { connection_id: id, provider, label, key: probe.outcome });
  out.write(`${id}\n`);
}

async function list({ database, out }: Context, { json }: Values): Promise<void> {
  if (json) {
    const rows = await listAllConnections(database.queries);
    const shown = rows.map(({ connection_id, provider, state, owner_kind, owner_id, origin, label }) => ({
      ...{ connection_id, provider, state, owner: { kind: owner_kind, id: owner_id }, origin, label },
    }));
    return printJson(out, { connections: shown, members: await listTeamMembers(database.queries) });
  }
  for (const row of await listAllConnections(database.queries)) {
    const owner = row.owner_kind === 'deployment' ? 'deployment' : `${row.owner_kind} ${row.owner_id}`;
    out.write(`${[row.connection_id, row.provider, row.state, owner, row.origin, row.label].join('  ')}\n`);
  }
  for (const { team, subject } of await listTeamMembers(database.queries))
    out.write(`team ${team}: ${subject}\n`);
}

async function test(context: Context, { json }: Values, [id = '']: string[]): Promise<void> {
  const { connections, database, out } = context;
  const row = await findConnection(database.queries, id);
  if (row === undefined) throw new AppError('not_found', 'There is no such connection.');
  const candidate = { row, held: undefined };
  const providers = new Map(context.providers.map((provider) => [provider.slug, provider]));
  const probe = await probeCandidate({ connections, providers }, candidate);
  await connections.noteProbe(candidate, probe);
  connections.announce({ connectionId: id, provider: row.provider });
  if (json) return printJson(out, { connection_id: id, key: probe.outcome, balance: probe.balance });
  const balance =
    probe.balance === undefined ? '' : `, ${probe.balance.amount} ${probe.balance.currency} left`;
  out.write(`${probe.outcome}${balance}\n`);
}

function ownerOf({ user, team }: Values): Owner {
  if (user !== undefined && team !== undefined) throw new UsageError('Either --user or --team.');
  if (user !== undefined) return { kind: 'user', id: user };
  return team === undefined ? { kind: 'deployment', id: '' } : { kind: 'team', id: team };
}

function membershipOf({ team, user }: Values): { team: string; subject: string } {
  if (!team || !user) throw new UsageError('This needs --team and --user.');
  return { team, subject: user };
}
