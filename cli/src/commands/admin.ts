/** `npm run admin`: what whoever runs the system looks at and sets right. What changes something is noted in the audit trail. */
import { userInfo } from 'node:os';
import { addAudit, chainAudit } from '@inferry/database';
import { ConfigError, type Env } from '@inferry/runtime';
import { auditVerbs } from '../admin/audit.ts';
import { type AdminContext, type AdminVerbs, readArgs, usage } from '../admin/context.ts';
import { equalModelVerbs } from '../admin/equal-models.ts';
import { limitVerbs } from '../admin/limits.ts';
import { budgetVerbs, ledgerVerbs, usageVerbs } from '../admin/money.ts';
import { providerVerbs, runVerbs, webhookVerbs } from '../admin/runs.ts';
import { storageVerbs } from '../admin/storage.ts';
import { openCommandBus } from './open-command-bus.ts';
import { openStore } from './open-store.ts';

const nouns: Readonly<Record<string, AdminVerbs>> = {
  runs: runVerbs,
  budgets: budgetVerbs,
  limits: limitVerbs,
  'equal-models': equalModelVerbs,
  providers: providerVerbs,
  webhooks: webhookVerbs,
  storage: storageVerbs,
  ledger: ledgerVerbs,
  usage: usageVerbs,
  audit: auditVerbs,
};

/** Exit code 1 where something that was checked is not as it should be, or what was named is not there. */
export async function admin(args: readonly string[], env: Env): Promise<number> {
  const { values, positionals } = readArgs(args);
  const [noun = '', verb = '', id] = positionals;
  const verbs = Object.hasOwn(nouns, noun) ? nouns[noun] : undefined;
  const carryOut = verbs !== undefined && Object.hasOwn(verbs, verb) ? verbs[verb] : undefined;
  if (carryOut === undefined) throw new ConfigError([usage]);
  const { database, natsUrl, close } = await openStore(env);
  const actor = `operator ${nameOfUser()}`.trim();
  const context: AdminContext = {
    ...{ database, env, values, id, actor, now: Date.now() },
    print: (line) => process.stdout.write(`${line}\n`),
    openBus: () => openCommandBus(natsUrl, 'admin'),
    async note(action, object, details = {}) {
      await addAudit(database.queries, { at: Date.now(), actor, action: `admin.${action}`, object, details });
      await chainAudit(database);
    },
  };
  try {
    return await carryOut(context);
  } finally {
    await close();
  }
}

function nameOfUser(): string {
  try {
    return userInfo().username;
  } catch {
    // A container's user may have no name.
    return '';
  }
}
