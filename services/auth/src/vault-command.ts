import type { Database } from '@inferry/database';
import { ConfigError } from '@inferry/runtime';
import { printJson } from './print-json.ts';
import type { KekProvider } from './vault/key-ring.ts';
import { listUnderWrongKeys, rewrapAll } from './vault/rewrap.ts';
import { neededKids, openVault } from './vault/vault.ts';

export interface VaultCommandOptions {
  database: Database;
  keks: KekProvider | undefined;
  out: { write(text: string): unknown };
  err: { write(text: string): unknown };
}

const usage = `Usage:
  npm run vault -- check     tells whether everything that is stored can be opened
  npm run vault -- rewrap    puts everything under the first key of AUTH_KEKS
--json: one JSON document on standard output
`;

/** Runs `check` or `rewrap` and resolves with the exit code: 0, 1 when something is wrong, 2 for wrong arguments. */
export async function runVaultCommand(
  args: readonly string[],
  { database, keks, out, err }: VaultCommandOptions,
): Promise<number> {
  const isJson = args.includes('--json');
  const [command, ...more] = args.filter((arg) => arg !== '--json');
  if (more.length > 0 || (command !== 'check' && command !== 'rewrap')) {
    err.write(usage);
    return 2;
  }
  if (keks === undefined) {
    err.write('There is no vault: AUTH_KEKS is not set.\n');
    return 1;
  }
  try {
    const vault = await openVault(database, keks);
    const wrong = await listUnderWrongKeys(database, vault);
    if (wrong.length > 0)
      throw new ConfigError([
        `AUTH_KEKS: a key has the name that it had and other bytes; nobody can open ${wrong.join(', ')}`,
      ]);
    const count = command === 'rewrap' ? await rewrapAll(database, vault) : undefined;
    if (count !== undefined && !isJson) {
      out.write(`${count} stored secrets are under ${vault.currentKid} now.\n`);
    }
    const kids = await neededKids(database);
    if (isJson) printJson(out, { current: vault.currentKid, needed: kids, rewrapped: count });
    else out.write(kids.length === 0 ? 'Nothing is stored.\n' : `Stored secrets need: ${kids.join(', ')}.\n`);
    return 0;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    err.write(`${error.message}\n`);
    return 1;
  }
}
