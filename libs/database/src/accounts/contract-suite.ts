import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../database.ts';
import { findAccount, insertAccount, listAccounts, updateAccount } from './accounts.ts';
import { deleteSession, deleteSessionsOf, findSession, insertSession, sweepSessions } from './sessions.ts';
import type { AccountRow } from './tables.ts';

const at = Date.parse('2031-03-05T10:00:00Z');

const ada: AccountRow = {
  account_id: 'acct_ada',
  driver: 'local',
  external_id: 'ada',
  display: 'Ada',
  password_hash: 'hash',
  created_at: at,
  seen_at: null,
  disabled_at: null,
  made_by: null,
};

/** What the queries of accounts and their sessions do alike on both databases. `open` answers an empty one. */
export function describeAccountQueries(
  name: string,
  open: () => Promise<{ database: Database; remove(): Promise<void> }>,
): void {
  describe(name, () => {
    let database: Database;
    let remove: () => Promise<void>;

    beforeEach(async () => {
      ({ database, remove } = await open());
      await database.migrate();
    });
    afterEach(async () => {
      await database.close();
      await remove();
    });

    async function signIn(sessionId: string, expiresAt = at + 1_000): Promise<void> {
      const row = {
        session_id: sessionId,
        account_id: ada.account_id,
        created_at: at,
        seen_at: at,
        expires_at: expiresAt,
      };
      await insertSession(database.queries, row);
    }

    it('adds an account once for each name of a driver', async () => {
      const first = await insertAccount(database.queries, ada);
      const again = await insertAccount(database.queries, { ...ada, account_id: 'acct_other' });
      const elsewhere = await insertAccount(database.queries, {
        ...ada,
        account_id: 'oidc_ada',
        driver: 'oidc',
      });

      expect([first, again, elsewhere]).toEqual([true, false, true]);
      expect((await listAccounts(database.queries)).map((row) => row.account_id)).toEqual([
        'acct_ada',
        'oidc_ada',
      ]);
    });

    it('finds an account by its id and by its driver’s name for it', async () => {
      await insertAccount(database.queries, ada);

      const byId = await findAccount(database.queries, { accountId: 'acct_ada' });
      const byName = await findAccount(database.queries, { driver: 'local', externalId: 'ada' });
      const nobody = await findAccount(database.queries, { driver: 'oidc', externalId: 'ada' });

      expect([byId, byName, nobody]).toEqual([ada, ada, undefined]);
    });

    it('finds no session that has ended or whose account is closed', async () => {
      await insertAccount(database.queries, ada);
      await signIn('one');

      const held = await findSession(database.queries, { sessionId: 'one', at });
      const ended = await findSession(database.queries, { sessionId: 'one', at: at + 1_000 });
      await updateAccount(database.queries, 'acct_ada', { disabled_at: at });
      const closed = await findSession(database.queries, { sessionId: 'one', at });

      expect([held?.account.display, ended, closed]).toEqual(['Ada', undefined, undefined]);
    });

    it('ends one session, or all of an account but one', async () => {
      await insertAccount(database.queries, ada);
      for (const id of ['one', 'two', 'three']) await signIn(id);

      await deleteSession(database.queries, 'one');
      await deleteSessionsOf(database.queries, { accountId: 'acct_ada', except: 'two' });

      const left = await Promise.all(
        ['one', 'two', 'three'].map((sessionId) => findSession(database.queries, { sessionId, at })),
      );
      expect(left.map((one) => one?.session.session_id)).toEqual([undefined, 'two', undefined]);
    });

    it('sweeps only sessions that have ended', async () => {
      await insertAccount(database.queries, ada);
      await signIn('old', at);
      await signIn('new', at + 1);

      await sweepSessions(database.queries, at);

      const rows = await database.queries.selectFrom('account_sessions').select('session_id').execute();
      expect(rows).toEqual([{ session_id: 'new' }]);
    });
  });
}
