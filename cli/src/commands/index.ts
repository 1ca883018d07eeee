import { AppError } from '@inferry/contracts';
import { ConfigError, type Env, speaking, withSecretFiles } from '@inferry/runtime';
import { versionOf } from '../version.ts';

/** One command of the command line; resolves with its exit code, or with undefined to go on until it is stopped. */
export type Command = (args: readonly string[], env: Env) => Promise<number | undefined>;

export interface CommandEntry {
  summary: string;
  /** What follows the name. */
  usage: string;
  /** Of each, the words after the name of the program. */
  examples: readonly string[];
  /** Loaded when asked for, so that no command pays for another's dependencies. */
  load(): Promise<Command>;
}

export type CommandTable = Readonly<Record<string, CommandEntry>>;

export const commands: CommandTable = {
  start: {
    summary: 'The whole system in one process, over HTTP.',
    usage: '[--emulators]',
    examples: ['start', 'start --emulators'],
    load: async () => (await import('./start.ts')).start,
  },
  stdio: {
    summary: 'The whole system in one process, for the MCP client that starts it (stdin and stdout).',
    usage: '[--profile inferry] [--root <folder> …]',
    examples: ['stdio', 'stdio --profile runware', 'stdio --root ~/Pictures'],
    load: async () => (await import('./stdio.ts')).stdio,
  },
  models: {
    summary: 'Models that can be run, or what one of them takes.',
    usage: '[words…] [options]',
    examples: ['models', 'models upscale --provider local', 'models local/speech'],
    load: async () => (await import('./models.ts')).models,
  },
  run: {
    summary: 'Run a model, wait for it, save what it made and tell what it cost.',
    usage: '<model> key=value … @file',
    examples: [
      'run local/speech text="Good morning."',
      'run local/upscale-2x @photo.jpg --out pictures',
      'run runware/flux-dev prompt="a fox" width=1024 --max-cost 0.05 --json',
    ],
    load: async () => (await import('./models.ts')).run,
  },
  runs: {
    summary: 'What was run and what it cost, or one run with its outputs.',
    usage: '[run-id] [options]',
    examples: ['runs', 'runs --status running --json', 'runs run_abc123 --out pictures'],
    load: async () => (await import('./models.ts')).runs,
  },
  demo: {
    summary: 'Runs three models of a started system through a real MCP client.',
    usage: '[picture] [--json]',
    examples: ['demo', 'demo photo.jpg'],
    load: async () => (await import('./demo.ts')).demo,
  },
  add: {
    summary: 'Put this server into the configuration of MCP clients.',
    usage: '[options]',
    examples: [
      'add',
      'add --client cursor,claude-code --url https://mcp.example.com/mcp --yes',
      'add --profile runware --mode local --client codex',
    ],
    load: async () => (await import('./installer.ts')).add,
  },
  remove: {
    summary: 'Take out of the configurations of MCP clients what "add" put there.',
    usage: '[options]',
    examples: ['remove', 'remove --client cursor --dry-run'],
    load: async () => (await import('./installer.ts')).remove,
  },
  doctor: {
    summary: 'What works here and what does not, with what to do about it.',
    usage: '[--url https://…/mcp] [--json]',
    examples: ['doctor', 'doctor --url https://mcp.example.com/mcp --json'],
    load: async () => (await import('./doctor.ts')).doctor,
  },
  smoke: {
    summary: 'Whether a deployment of Runpod’s tools works, tried from outside.',
    usage: 'http|oauth|crud --url https://…/mcp/runpod | stdio [--profile runpod]',
    examples: ['smoke http --url https://mcp.example.com/mcp/runpod', 'smoke stdio --profile runpod'],
    load: async () => (await import('./smoke.ts')).smoke,
  },
  profiles: {
    summary: 'Profiles from files: what is wrong with them, and what a client sees of one.',
    usage: 'check <file|folder> | show <name> [--url http://…/mcp] [--json]',
    examples: ['profiles check profiles/acme.yaml', 'profiles show acme --url http://127.0.0.1:8080/mcp'],
    load: async () => (await import('./profiles.ts')).profiles,
  },
  keys: {
    summary: 'API keys of this server: create, list, revoke.',
    usage: 'create|list|revoke … [--json]',
    examples: ['keys create --subject alice', 'keys list --json'],
    load: async () => (await import('./keys.ts')).keys,
  },
  accounts: {
    summary: 'Who may sign in with a browser.',
    usage: 'create|list|reset|disable|enable|approve … [--json]',
    examples: ['accounts create alice', 'accounts list'],
    load: async () => (await import('./accounts.ts')).accounts,
  },
  oauth: {
    summary: 'What people allowed their clients, and the signing keys.',
    usage: 'grants|revoke …',
    examples: ['oauth grants'],
    load: async () => (await import('./oauth.ts')).oauth,
  },
  budgets: {
    summary: 'What subjects may spend.',
    usage:
      'set|remove|list|confirm --subject S | --scope deployment|client|team|mount|provider --value V … [--json]',
    examples: ['budgets set --subject alice --limit 25 --period month', "budgets list --subject '*'"],
    load: async () => (await import('./budgets.ts')).budgets,
  },
  admin: {
    summary: 'What whoever runs the system looks at and sets right.',
    usage: 'runs|budgets|providers|webhooks|ledger|usage|audit …',
    examples: ['admin runs list --status running', 'admin ledger verify --json', 'admin audit verify'],
    load: async () => (await import('./admin.ts')).admin,
  },
  connections: {
    summary: 'Keys of providers, stored for everybody, a team or a user.',
    usage: 'add|list|test|remove|join|leave … [--json]',
    examples: ['connections list'],
    load: async () => (await import('./connections.ts')).connections,
  },
  vault: {
    summary: 'The keys of providers that are stored encrypted.',
    usage: 'check|rewrap [--json]',
    examples: ['vault check'],
    load: async () => (await import('./vault.ts')).vault,
  },
  'webhook-secret': {
    summary: 'What receivers of webhooks verify signatures with.',
    usage: '…',
    examples: ['webhook-secret'],
    load: async () => (await import('./webhook-secret.ts')).webhookSecret,
  },
  backup: {
    summary: 'Copy everything that the deployment keeps to a folder or a bucket.',
    usage: '--to <folder|s3://bucket>',
    examples: ['backup --to /backups', 'backup --to s3://backups'],
    load: async () => (await import('./backup.ts')).backup,
  },
  restore: {
    summary: 'Bring a backup back, into an empty database.',
    usage: '--from <folder|s3://bucket> [--name …] [--stopped]',
    examples: ['restore --from /backups'],
    load: async () => (await import('./backup.ts')).restore,
  },
  migrate: {
    summary: 'Bring the database of DATABASE_URL up to date.',
    usage: '',
    examples: ['migrate'],
    load: async () => (await import('./migrate.ts')).migrate,
  },
  secrets: {
    summary: 'What each service needs of INFERRY_SECRET.',
    usage: '[--kubernetes inferry] [service …]',
    examples: ['secrets', 'secrets --kubernetes inferry'],
    load: async () => (await import('./secrets.ts')).secrets,
  },
  cluster: {
    summary: 'Every service in processes of its own, on NATS, Redis and Postgres.',
    usage: '[--replicas 2] [--auth none|keys|oauth] [--json]',
    examples: ['cluster --replicas 2'],
    load: async () => (await import('../cluster/command.ts')).cluster,
  },
};

export interface CommandLine {
  name: string;
  args: readonly string[];
  env: Env;
}

/**
 * Runs one command. What is wrong with the configuration or the arguments (2), and what could not be done (1), is
 * printed for a person.
 */
export async function runCommand(
  table: CommandTable,
  { name, args, env }: CommandLine,
): Promise<number | undefined> {
  const entry = Object.hasOwn(table, name) ? table[name] : undefined;
  const asksForHelp = args.some((arg) => arg === '--help' || arg === '-h');
  if (entry === undefined || asksForHelp) {
    const { answerHelp } = await import('./help.ts');
    return answerHelp(table, { words: [name, ...args], version: versionOf(env) });
  }
  const err = speaking(process.stderr, env);
  try {
    const command = await entry.load();
    return await command(args, withSecretFiles(env));
  } catch (error) {
    if (error instanceof AppError) {
      err.write(`${toLine(error)}\n`);
      return 1;
    }
    if (isSystemError(error)) {
      err.write(`${error.message}\n`);
      return 1;
    }
    if (!(error instanceof ConfigError || isArgumentError(error))) throw error;
    err.write(`${toProblem(error)}\n`);
    return 2;
  }
}

/** One problem is one line; several have a list. */
function toProblem(error: Error): string {
  const [only, ...others] = error instanceof ConfigError ? error.problems : [];
  return only === undefined || others.length > 0 ? error.message : only;
}

/** With what lies below it: a refused connection names the address that was tried. */
function toLine({ message, nextAction, cause }: AppError): string {
  const reason = cause instanceof Error && cause.message !== '' ? `(${cause.message})` : undefined;
  return [message, reason, nextAction].filter((part) => part !== undefined).join(' ');
}

/** What `parseArgs` of node:util throws. */
function isArgumentError(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
}

/** What the operating system refused, such as a folder that may not be written to: its message names the path. */
function isSystemError(error: unknown): error is Error {
  return error instanceof Error && 'syscall' in error && 'code' in error;
}
