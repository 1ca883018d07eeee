import { parseArgs } from 'node:util';
import type { Bus } from '@inferry/bus';
import { AppError, jwksChanged } from '@inferry/contracts';
import type { Database } from '@inferry/database';
import { listSigningKeys, removeSigningKey } from '@inferry/database/oauth';
import { createGrants, type Grant, type Grants } from './oauth/grants/grants.ts';
import { defaultSettings } from './oauth/settings.ts';

interface Output {
  write(text: string): unknown;
}

export interface OAuthCommandOptions {
  database: Database;
  /** Announces what ended; without it the others find it within 30 s. */
  bus?: Pick<Bus, 'publish'> | undefined;
  out: Output;
  err?: Output | undefined;
  now?: (() => number) | undefined;
}

const usage = `Usage:
  npm run oauth -- grants [--subject <subject>] [--client <client_id>]
  npm run oauth -- revoke <grant_id>
  npm run oauth -- revoke-client <client_id>
  npm run oauth -- revoke-subject <subject>
  npm run oauth -- signing-keys
  npm run oauth -- remove-signing-key <kid>     refuses every token that it signed, at once
`;

interface Context {
  options: OAuthCommandOptions;
  grants: Grants;
  now(): number;
}

/** Each takes the one argument after its name, or none. */
const actions: Readonly<
  Record<string, { takes: 0 | 1; run(context: Context, argument: string): Promise<string> }>
> = {
  revoke: { takes: 1, run: revokeOne },
  'revoke-client': {
    takes: 1,
    run: async ({ grants }, clientId) => ended(await grants.revokeAllOfClient(clientId)),
  },
  'revoke-subject': {
    takes: 1,
    run: async ({ grants }, subject) => ended(await grants.revokeAllOfSubject(subject)),
  },
  'signing-keys': { takes: 0, run: showSigningKeys },
  'remove-signing-key': { takes: 1, run: removeKey },
};

const filters = { subject: { type: 'string' }, client: { type: 'string' } } as const;

/** Looks after what people allowed their clients, and after the signing keys: 0, or 2 for wrong arguments. */
export async function runOAuthCommand(
  [command = '', ...args]: readonly string[],
  options: OAuthCommandOptions,
): Promise<number> {
  const err = options.err ?? process.stderr;
  const { values, positionals } = parseArgs({ args, options: filters, allowPositionals: true });
  const now = options.now ?? Date.now;
  const bus = options.bus ?? { publish: () => undefined };
  const { grantSeconds } = defaultSettings;
  const context: Context = {
    options,
    now,
    grants: createGrants({ database: options.database, bus, grantSeconds, now }),
  };
  if (command === 'grants' && positionals.length === 0) {
    const { subject, client: clientId } = values;
    options.out.write(table(await context.grants.list({ subject, clientId })));
    return 0;
  }
  const action = Object.hasOwn(actions, command) ? actions[command] : undefined;
  if (action === undefined || positionals.length !== action.takes) {
    err.write(usage);
    return 2;
  }
  options.out.write(`${await action.run(context, positionals[0] ?? '')}\n`);
  return 0;
}

async function revokeOne({ grants }: Context, grantId: string): Promise<string> {
  if ((await grants.find(grantId)) === undefined) throw new AppError('not_found', 'There is no such grant.');
  await grants.revoke(grantId);
  return `The grant ${grantId} has ended.`;
}

function ended(count: number): string {
  return count === 1 ? 'One grant has ended.' : `${count} grants have ended.`;
}

async function showSigningKeys({ options, now }: Context): Promise<string> {
  const keys = await listSigningKeys(options.database.queries);
  const inUse = keys.filter((key) => key.removed_at === null && key.active_from <= now()).at(-1)?.kid;
  const lines = keys.map(({ kid, active_from: from, removed_at: removedAt }) => {
    if (removedAt !== null) return `${kid}  removed ${time(removedAt)}`;
    if (from > now()) return `${kid}  announced, in use from ${time(from)}`;
    return `${kid}  ${kid === inUse ? 'in use' : 'verifies what it signed before'}, since ${time(from)}`;
  });
  return lines.length === 0 ? 'There is no signing key yet.' : lines.join('\n');
}

async function removeKey({ options, now }: Context, kid: string): Promise<string> {
  if (!(await removeSigningKey(options.database.queries, { kid, at: now() })))
    throw new AppError('not_found', 'There is no signing key with this id.');
  options.bus?.publish(jwksChanged, {});
  const when = options.bus === undefined ? 'within 30 seconds' : 'now';
  return `The key ${kid} is out: what it signed is refused ${when}, and clients refresh.`;
}

function table(grants: readonly Grant[]): string {
  if (grants.length === 0) return 'There is no grant.\n';
  const rows = grants.map((grant) => [
    ...[grant.grantId, grant.subject, grant.clientName, grant.scopes.join(' '), time(grant.createdAt)],
    grant.lastUsedAt === undefined ? 'never' : time(grant.lastUsedAt),
  ]);
  const head = ['GRANT', 'SUBJECT', 'CLIENT', 'SCOPES', 'SINCE', 'LAST USED'];
  return [head, ...rows].map((row) => `${row.join('  ')}\n`).join('');
}

function time(at: number): string {
  return new Date(at).toISOString().slice(0, 16).replace('T', ' ');
}
