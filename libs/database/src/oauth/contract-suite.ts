import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../database.ts';
import { readRevocationsAfter } from '../keys/revocations.ts';
import { findClient, putClient, touchClients } from './clients.ts';
import { findGrant, insertGrant, listGrantRows, markGrantsUsed, revokeGrantRow } from './grants.ts';
import { addRecordOnce, consumeRecord, findRecord, findRecordAndGrant, putRecord } from './records.ts';
import { answerRefresh, claimRefresh, dropRefresh } from './refreshes.ts';
import { addSigningKey, deleteSigningKeys, listSigningKeys, removeSigningKey } from './signing-keys.ts';
import { sweepOAuth } from './sweep.ts';
import type { OAuthGrantRow, OAuthSigningKeyRow } from './tables.ts';

const at = Date.parse('2031-03-05T10:00:00Z');
const hour = 3_600_000;

const code = {
  recordId: 'record',
  kind: 'AuthorizationCode',
  grantId: 'grant_1',
  payload: '{}',
  expiresAt: at + hour,
};
const grant: OAuthGrantRow = {
  ...{ grant_id: 'grant_1', subject: 'ada', display: 'Ada', client_id: 'client_1', client_name: 'Claude' },
  ...{ kind: 'authorization_code', scopes: '["mcp"]', created_at: at, last_used_at: null },
  ...{ expires_at: at + hour, revoked_at: null },
};
const key: OAuthSigningKeyRow = {
  ...{ generation: 1, kid: 'k1', public_jwk: '{}', sealed: 'sealed', created_at: at, active_from: at },
  removed_at: null,
};
const claim = { requestId: 'request', at, lockedUntil: at + 1_000, expiresAt: at + 2_000 };

/** What the authorization server's queries do alike on both databases. `open` answers an empty one. */
export function describeOAuthQueries(
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

    it('let one of many use a record up', async () => {
      await putRecord(database.queries, code);

      const uses = await Promise.all(
        Array.from({ length: 20 }, () =>
          consumeRecord(database.queries, { recordId: 'record', at, forgetAt: at + hour }),
        ),
      );

      expect(uses.filter(Boolean)).toHaveLength(1);
      await expect(findRecord(database.queries, { recordId: 'record', at })).resolves.toMatchObject({
        consumed_at: at,
      });
    });

    it('use nothing up that is over or was never there', async () => {
      await putRecord(database.queries, code);

      const uses = [
        await consumeRecord(database.queries, { recordId: 'record', at: at + hour, forgetAt: at + hour }),
        await consumeRecord(database.queries, { recordId: 'other', at, forgetAt: at }),
      ];

      expect(uses).toEqual([false, false]);
    });

    it('remember what was used no longer than they are told, and no longer than it would have lived', async () => {
      await putRecord(database.queries, code);
      await putRecord(database.queries, { ...code, recordId: 'short', expiresAt: at + 10 });

      await consumeRecord(database.queries, { recordId: 'record', at, forgetAt: at + 20 });
      await consumeRecord(database.queries, { recordId: 'short', at, forgetAt: at + 20 });

      const ends = await database.queries
        .selectFrom('oauth_records')
        .select(['record_id', 'expires_at'])
        .orderBy('record_id')
        .execute();
      expect(ends.map(({ expires_at: end }) => end)).toEqual([at + 20, at + 10]);
    });

    it('keep a use when the record is written again', async () => {
      await putRecord(database.queries, code);
      await consumeRecord(database.queries, { recordId: 'record', at, forgetAt: at + hour });

      await putRecord(database.queries, { ...code, payload: '{"more":1}' });

      await expect(findRecord(database.queries, { recordId: 'record', at })).resolves.toMatchObject({
        payload: '{"more":1}',
        consumed_at: at,
      });
    });

    it('add a record once', async () => {
      const added = await Promise.all([
        addRecordOnce(database.queries, code),
        addRecordOnce(database.queries, code),
      ]);

      expect(added.sort()).toEqual([false, true]);
    });

    it('end a grant once, with what rests on it and a revocation', async () => {
      await insertGrant(database.queries, grant);
      await putRecord(database.queries, code);
      await putRecord(database.queries, { ...code, recordId: 'another', grantId: 'grant_2' });

      const revoke = () =>
        database.transaction((queries) =>
          revokeGrantRow(queries, database.dialect, { grantId: 'grant_1', at }),
        );
      const sequences = await Promise.all([revoke(), revoke(), revoke()]);

      expect(sequences.filter((seq) => seq !== undefined)).toHaveLength(1);
      await expect(findGrant(database.queries, { grantId: 'grant_1', at })).resolves.toBeUndefined();
      await expect(findRecord(database.queries, { recordId: 'record', at })).resolves.toBeUndefined();
      await expect(findRecord(database.queries, { recordId: 'another', at })).resolves.toBeDefined();
      const { items } = await readRevocationsAfter(database.queries, { after: 0, limit: 10 });
      expect(items.map(({ grant_id: id }) => id)).toEqual(['grant_1']);
    });

    it('find a record with its grant, and without one that has ended', async () => {
      await insertGrant(database.queries, grant);
      await putRecord(database.queries, code);

      const before = await findRecordAndGrant(database.queries, { recordId: 'record', at });
      await database.queries.updateTable('oauth_grants').set({ revoked_at: at }).execute();
      const after = await findRecordAndGrant(database.queries, { recordId: 'record', at });
      const none = await findRecordAndGrant(database.queries, { recordId: 'record', at: at + hour });

      expect(before?.grant).toEqual(grant);
      expect(before?.record).toEqual(await findRecord(database.queries, { recordId: 'record', at }));
      expect([after?.record.record_id, after?.grant, none]).toEqual(['record', undefined, undefined]);
    });

    it('end no grant of another subject', async () => {
      await insertGrant(database.queries, grant);

      const seq = await database.transaction((queries) =>
        revokeGrantRow(queries, database.dialect, { grantId: 'grant_1', subject: 'bob', at }),
      );

      expect(seq).toBeUndefined();
      await expect(findGrant(database.queries, { grantId: 'grant_1', at })).resolves.toBeDefined();
    });

    it('list the grants of a subject or a client that hold, the newest first', async () => {
      await insertGrant(database.queries, grant);
      await insertGrant(database.queries, { ...grant, grant_id: 'grant_2', created_at: at + 1 });
      await insertGrant(database.queries, { ...grant, grant_id: 'grant_3', expires_at: at - 1 });
      await insertGrant(database.queries, { ...grant, grant_id: 'grant_4', subject: 'bob' });
      await insertGrant(database.queries, { ...grant, grant_id: 'grant_5', revoked_at: at });

      const ofAda = await listGrantRows(database.queries, { filter: { subject: 'ada' }, at });
      const ofClient = await listGrantRows(database.queries, { filter: { clientId: 'client_1' }, at });

      expect(ofAda.map(({ grant_id: id }) => id)).toEqual(['grant_2', 'grant_1']);
      expect(ofClient.map(({ grant_id: id }) => id)).toEqual(['grant_2', 'grant_1', 'grant_4']);
    });

    it('note a use of a grant unless it was noted a moment ago', async () => {
      await insertGrant(database.queries, grant);
      const use = { grantIds: ['grant_1'], unlessSince: at };

      await markGrantsUsed(database.queries, { ...use, at: at + 1 });
      await markGrantsUsed(database.queries, { ...use, at: at + 2 });

      await expect(findGrant(database.queries, { grantId: 'grant_1', at })).resolves.toMatchObject({
        last_used_at: at + 1,
      });
    });

    it('let a registration end, later when it is used', async () => {
      const client = { clientId: 'client_1', metadata: '{}', at, expiresAt: at + 10 };
      await putClient(database.queries, client);

      const before = await findClient(database.queries, { clientId: 'client_1', at: at + 11 });
      const use = { clientIds: ['client_1'], at, expiresAt: at + hour, unlessSince: at - 1 };
      await touchClients(database.queries, use);
      const after = await findClient(database.queries, { clientId: 'client_1', at: at + 11 });

      expect([before, after]).toEqual([undefined, expect.objectContaining({ used_at: at })]);
    });

    it('give one of many the turn to answer a refresh', async () => {
      const turns = await Promise.all(
        Array.from({ length: 20 }, (_, owner) =>
          claimRefresh(database.queries, { ...claim, owner: `o${owner}` }),
        ),
      );

      expect(turns.filter(({ kind }) => kind === 'mine')).toHaveLength(1);
      expect(turns.filter(({ kind }) => kind === 'wait')).toHaveLength(19);
    });

    it('give one of many the turn of somebody who died', async () => {
      await claimRefresh(database.queries, { ...claim, owner: 'dead' });

      const later = { ...claim, at: at + 1_000, lockedUntil: at + 2_000 };
      const turns = await Promise.all(
        Array.from({ length: 20 }, (_, owner) =>
          claimRefresh(database.queries, { ...later, owner: `o${owner}` }),
        ),
      );

      expect(turns.filter(({ kind }) => kind === 'taken_over')).toHaveLength(1);
    });

    it('repeat the answer of whoever had the turn until its end, and nobody else’s', async () => {
      await claimRefresh(database.queries, { ...claim, owner: 'mine' });
      const answer = { requestId: 'request', grantId: 'grant_1', expiresAt: at + 5_000 };

      await answerRefresh(database.queries, { ...answer, owner: 'other', response: 'wrong' });
      await answerRefresh(database.queries, { ...answer, owner: 'mine', response: 'right' });
      const soon = await claimRefresh(database.queries, { ...claim, owner: 'later' });
      const late = await claimRefresh(database.queries, { ...claim, at: at + 5_001, owner: 'late' });
      const next = await claimRefresh(database.queries, { ...claim, at: at + 5_001, owner: 'next' });

      expect(soon).toEqual({ kind: 'answered', response: 'right' });
      expect([late.kind, next.kind]).toEqual(['wait', 'mine']);
    });

    it('let only its owner give a turn back', async () => {
      await claimRefresh(database.queries, { ...claim, owner: 'mine' });

      await dropRefresh(database.queries, { requestId: 'request', owner: 'other' });
      const before = await claimRefresh(database.queries, { ...claim, owner: 'next' });
      await dropRefresh(database.queries, { requestId: 'request', owner: 'mine' });
      const after = await claimRefresh(database.queries, { ...claim, owner: 'next' });

      expect([before.kind, after.kind]).toEqual(['wait', 'mine']);
    });

    it('keep one signing key of each generation', async () => {
      const added = await Promise.all([
        addSigningKey(database.queries, key),
        addSigningKey(database.queries, { ...key, kid: 'k2' }),
      ]);

      expect(added.filter(Boolean)).toHaveLength(1);
      await expect(listSigningKeys(database.queries)).resolves.toHaveLength(1);
    });

    it('take a signing key out with its secret, once', async () => {
      await addSigningKey(database.queries, key);

      const removed = [
        await removeSigningKey(database.queries, { kid: 'k1', at }),
        await removeSigningKey(database.queries, { kid: 'k1', at }),
      ];
      const rows = await listSigningKeys(database.queries);
      await deleteSigningKeys(database.queries, [1]);

      expect(removed).toEqual([true, false]);
      expect(rows).toMatchObject([{ removed_at: at, sealed: '' }]);
      await expect(listSigningKeys(database.queries)).resolves.toEqual([]);
    });

    it('sweep what has ended, a batch at a time, and nothing else', async () => {
      for (const recordId of ['a', 'b', 'c'])
        await putRecord(database.queries, { ...code, recordId, expiresAt: at });
      await putRecord(database.queries, { ...code, recordId: 'lives', expiresAt: at + 1 });
      await insertGrant(database.queries, { ...grant, expires_at: at });

      const counts = [
        await sweepOAuth(database.queries, { before: at, grantsBefore: at - 1, limit: 2 }),
        await sweepOAuth(database.queries, { before: at, grantsBefore: at - 1, limit: 2 }),
        await sweepOAuth(database.queries, { before: at, grantsBefore: at - 1, limit: 2 }),
        await sweepOAuth(database.queries, { before: at, grantsBefore: at, limit: 2 }),
      ];

      expect(counts).toEqual([2, 1, 0, 1]);
      await expect(findRecord(database.queries, { recordId: 'lives', at })).resolves.toBeDefined();
    });
  });
}
