import { Secret } from '@inferry/contracts';
import { openDatabase } from '@inferry/database';
import { updateAccount } from '@inferry/database/accounts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Account, createLocalAccount } from './accounts.ts';
import { createSessions, type Sessions } from './sessions.ts';

const hour = 3_600_000;
const clock = { now: 0 };
let database: ReturnType<typeof openDatabase>;
let sessions: Sessions;
let ada: Account;

beforeEach(async () => {
  clock.now = Date.parse('2026-11-21T12:00:00Z');
  database = openDatabase({ url: 'sqlite::memory:' });
  await database.migrate();
  sessions = open('s'.repeat(32));
  ada = await createLocalAccount(database, { userName: 'ada', password: 'correct horse battery' });
});
afterEach(() => database.close());

function open(secret: string, isHttps = true): Sessions {
  return createSessions({
    database,
    secret: new Secret(secret),
    isHttps,
    idleSeconds: 7_200,
    now: () => clock.now,
  });
}

function toHeaders(setCookie: string): { cookie: string } {
  return { cookie: setCookie.split(';')[0] ?? '' };
}

describe('sessions of the account page', () => {
  it('are cookies that no other host can set and no script can read', async () => {
    const cookie = await sessions.begin(ada);

    expect(cookie).toMatch(
      /^__Host-inferry-account=[\w-]{43}\.[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Secure; Max-Age=7200$/,
    );
  });

  it('have a plain name where there is no TLS, since browsers take no other', async () => {
    expect(await open('s'.repeat(32), false).begin(ada)).toMatch(
      /^inferry-account=[^;]+; Path=\/; HttpOnly; SameSite=Lax; Max/,
    );
  });

  it('are stored as hashes', async () => {
    const [value = ''] =
      toHeaders(await sessions.begin(ada))
        .cookie.split('=')[1]
        ?.split('.') ?? [];

    const rows = await database.queries.selectFrom('account_sessions').selectAll().execute();

    expect(value).toHaveLength(43);
    expect(JSON.stringify(rows)).not.toContain(value);
  });

  it('end on the server, so that a copy of the cookie is worth nothing', async () => {
    const headers = toHeaders(await sessions.begin(ada));
    const session = await sessions.read(headers);

    if (session !== undefined) await sessions.end(session);

    expect(session?.account.display).toBe('ada');
    expect(await sessions.read(headers)).toBeUndefined();
  });

  it('last as long as they are used', async () => {
    const headers = toHeaders(await sessions.begin(ada));

    clock.now += 1.9 * hour;
    const used = await sessions.read(headers);
    clock.now += 1.9 * hour;
    const usedAgain = await sessions.read(headers);
    clock.now += 2.1 * hour;
    const forgotten = await sessions.read(headers);

    expect([used?.account, usedAgain?.account, forgotten]).toEqual([ada, ada, undefined]);
  });

  it('of a closed account are none', async () => {
    const headers = toHeaders(await sessions.begin(ada));

    await updateAccount(database.queries, ada.subject, { disabled_at: clock.now });

    expect(await sessions.read(headers)).toBeUndefined();
  });

  it('are refused when they were changed, or signed by another secret', async () => {
    const headers = toHeaders(await sessions.begin(ada));
    const changed = { cookie: headers.cookie.replace(/=(.)/, (_, first) => `=${first === 'a' ? 'b' : 'a'}`) };

    const found = await Promise.all([
      sessions.read(changed),
      open('t'.repeat(32)).read(headers),
      sessions.read({}),
    ]);

    expect(found).toEqual([undefined, undefined, undefined]);
  });
});
