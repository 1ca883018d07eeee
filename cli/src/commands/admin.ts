/** `npm run admin`: what whoever runs the system looks at and sets right: the ledger. */
import type { Database } from '@inferry/database';
import { verifyLedger } from '@inferry/inference-poller';
import { ConfigError, type Env } from '@inferry/runtime';
import { openStore } from './open-store.ts';

export interface AdminContext {
  database: Database;
  env: Env;
  print(line: string): void;
}

/** What one noun's verbs do; resolves with the exit code. */
export type AdminVerbs = Readonly<
  Record<string, (context: AdminContext, args: readonly string[]) => Promise<number>>
>;

const nouns: Readonly<Record<string, AdminVerbs>> = {
  ledger: { verify: verify },
};

const usage = 'npm run admin -- ledger verify [--json]';

/** Exit code 1 where something that was checked is not as it should be. */
export async function admin(args: readonly string[], env: Env): Promise<number> {
  const [noun = '', verb = '', ...rest] = args;
  const verbs = Object.hasOwn(nouns, noun) ? nouns[noun] : undefined;
  const carryOut = verbs !== undefined && Object.hasOwn(verbs, verb) ? verbs[verb] : undefined;
  if (carryOut === undefined) throw new ConfigError([usage]);
  const { database, close } = await openStore(env);
  try {
    return await carryOut({ database, env, print: (line) => process.stdout.write(`${line}\n`) }, rest);
  } finally {
    await close();
  }
}

/** Every run against every entry: what it holds and what it was charged. */
async function verify({ database, print }: AdminContext, args: readonly string[]): Promise<number> {
  const report = await verifyLedger(database);
  const isGood = report.differences === 0 && report.isGuarded;
  if (args.includes('--json')) {
    print(JSON.stringify({ ok: isGood, ...report }));
    return isGood ? 0 : 1;
  }
  for (const { currency, charged, held } of report.totals) {
    print(`${currency}: ${charged} charged, ${held} held`);
  }
  for (const { run_id: id, problem } of report.examples) print(`${id} ${problem}`);
  if (!report.isGuarded)
    print('The database does not refuse changes of the ledger: its triggers are missing.');
  print(
    report.differences === 0
      ? `${report.runs} runs agree with the ledger.`
      : `${report.differences} differences in ${report.runs} runs.`,
  );
  return isGood ? 0 : 1;
}
