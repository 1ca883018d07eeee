import { ConfigError, type Env } from '@inferry/runtime';

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
  cluster: async () => (await import('../cluster/command.ts')).cluster,
};

export interface CommandLine {
  name: string;
  args: readonly string[];
  env: Env;
}

/** Runs one command; what is wrong with the configuration or the arguments is printed for a person. */
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
    return await command(args, env);
  } catch (error) {
    if (!(error instanceof ConfigError || isArgumentError(error))) throw error;
    process.stderr.write(`${error.message}\n`);
    return 2;
  }
}

/** What `parseArgs` of node:util throws. */
function isArgumentError(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
}
