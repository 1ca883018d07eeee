import { AppError } from '@inferry/contracts';
import { ConfigError, type Env, withSecretFiles } from '@inferry/runtime';

/** One command of the command line; resolves with its exit code, or with undefined to go on until it is stopped. */
export type Command = (args: readonly string[], env: Env) => Promise<number | undefined>;

/** Loaded when asked for, so that no command pays for another's dependencies. */
export const commands: Readonly<Record<string, () => Promise<Command>>> = {
  start: async () => (await import('./start.ts')).start,
  demo: async () => (await import('./demo.ts')).demo,
  accounts: async () => (await import('./accounts.ts')).accounts,
  oauth: async () => (await import('./oauth.ts')).oauth,
  keys: async () => (await import('./keys.ts')).keys,
  vault: async () => (await import('./vault.ts')).vault,
  connections: async () => (await import('./connections.ts')).connections,
  budgets: async () => (await import('./budgets.ts')).budgets,
  'webhook-secret': async () => (await import('./webhook-secret.ts')).webhookSecret,
  migrate: async () => (await import('./migrate.ts')).migrate,
  secrets: async () => (await import('./secrets.ts')).secrets,
  cluster: async () => (await import('../cluster/command.ts')).cluster,
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
  table: typeof commands,
  { name, args, env }: CommandLine,
): Promise<number | undefined> {
  const load = Object.hasOwn(table, name) ? table[name] : undefined;
  if (load === undefined) {
    process.stderr.write(`Commands: ${Object.keys(table).join(', ')}\n`);
    return 2;
  }
  try {
    const command = await load();
    return await command(args, withSecretFiles(env));
  } catch (error) {
    if (error instanceof AppError) {
      process.stderr.write(`${toLine(error)}\n`);
      return 1;
    }
    if (isSystemError(error)) {
      process.stderr.write(`${error.message}\n`);
      return 1;
    }
    if (!(error instanceof ConfigError || isArgumentError(error))) throw error;
    process.stderr.write(`${error.message}\n`);
    return 2;
  }
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
