/** Under which name somebody's wrappers are addressed: made once of what they are called here, and theirs from then on. */
import { randomInt } from 'node:crypto';
import { AppError, type Principal } from '@inferry/contracts';
import type { Database } from '@inferry/database';
import { findAccount } from '@inferry/database/accounts';
import { claimOwnerName, findOwnerName } from '@inferry/database/wrappers';

const maxLength = 39;
const maxTries = 8;
/** Names that would look like the server's own. */
const reserved = new Set(['inferry', 'official', 'admin', 'wrappers', 'wrapper', 'models', 'local']);

interface OwnerNameOptions {
  database: Database;
  /** Slugs of platforms begin the ids of models. */
  isPlatform(name: string): boolean;
  now: number;
}

/** The name of this caller; the first time one is found that nobody has or had. */
export async function ownerNameOf(
  { subject, kind }: Pick<Principal, 'subject' | 'kind'>,
  { database, isPlatform, now }: OwnerNameOptions,
): Promise<string> {
  const known = await findOwnerName(database.queries, subject);
  if (known !== undefined) return known;
  const wanted = await wantedName(database, { subject, kind });
  const isFree = (name: string) => !reserved.has(name) && !isPlatform(name);
  for (let nth = 0; nth < maxTries; nth++) {
    const name =
      nth === 0 ? wanted : `${wanted.slice(0, maxLength - 5)}-${randomInt(36 ** 3, 36 ** 4).toString(36)}`;
    if (!isFree(name)) continue;
    if (await claimOwnerName(database.queries, { name, subject, at: now })) {
      // Another replica may have found one for the same caller meanwhile: the newest is the one that is shown.
      return (await findOwnerName(database.queries, subject)) ?? name;
    }
  }
  throw new AppError('busy', 'No name for your wrappers was found just now.', { retryAfterSeconds: 1 });
}

/** Of an account what it is called, without the host of a mail address; nothing that is made from a key. */
async function wantedName(
  { queries }: Database,
  { subject, kind }: Pick<Principal, 'subject' | 'kind'>,
): Promise<string> {
  if (kind === 'local') return 'me';
  if (kind === 'passthrough') return 'guest';
  const account = await findAccount(queries, { accountId: subject });
  if (account === undefined) return toName(subject);
  return account.driver === 'local' || account.driver === 'oidc'
    ? toName(account.display.split('@', 1)[0])
    : 'guest';
}

function toName(text = ''): string {
  const name = text
    .normalize('NFKD')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, maxLength)
    .replace(/-+$/, '');
  return name === '' ? 'owner' : name;
}
