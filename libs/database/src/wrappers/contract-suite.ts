import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../database.ts';
import { isUniqueViolation } from '../failures.ts';
import type { WrapperRow } from './tables.ts';
import {
  claimOwnerName,
  deleteWrapper,
  findOwnerName,
  findVisibleWrapper,
  insertWrapper,
  listOwnVersions,
  listPublicVersions,
  readWrappers,
  updateWrapper,
} from './wrappers.ts';

const at = Date.parse('2031-03-05T10:00:00Z');

function wrapperOf(subject: string, alias: string, fields: Partial<WrapperRow> = {}): WrapperRow {
  return {
    wrapper_id: `wrp_${subject}_${alias}`,
    subject,
    alias,
    definition: '{}',
    visibility: 'private',
    status: 'draft',
    version: 1,
    client_ref: null,
    request_hash: null,
    created_at: at,
    updated_at: at,
    deleted_at: null,
    ...fields,
  };
}

const open = { visibility: 'public', status: 'published' };
const bounds = { most: 3, forgetBefore: 0 };

/** What the queries of wrappers do alike on both databases. `create` answers an empty one. */
export function describeWrapperQueries(
  name: string,
  create: () => Promise<{ database: Database; remove(): Promise<void> }>,
): void {
  describe(name, () => {
    let database: Database;
    let remove: () => Promise<void>;

    beforeEach(async () => {
      ({ database, remove } = await create());
      await database.migrate();
      for (const subject of ['ada', 'bob']) {
        await claimOwnerName(database.queries, { name: `${subject}-name`, subject, at });
      }
    });
    afterEach(async () => {
      await database.close();
      await remove();
    });

    const insert = (row: WrapperRow, most = bounds.most) => insertWrapper(database, row, { ...bounds, most });
    const see = async (alias: string, subject: string, owner = 'ada-name') =>
      (await findVisibleWrapper(database.queries, { owner, alias }, subject))?.wrapper_id;

    it('shows a wrapper to its owner, and to others once it is published and not private', async () => {
      await insert(wrapperOf('ada', 'draft', { visibility: 'public' }));
      await insert(wrapperOf('ada', 'private', { status: 'published' }));
      await insert(wrapperOf('ada', 'unlisted', { status: 'published', visibility: 'unlisted' }));

      const seen = await Promise.all(
        ['draft', 'private', 'unlisted', 'none'].map(async (alias) => [
          await see(alias, 'ada'),
          await see(alias, 'bob'),
        ]),
      );
      const byId = await findVisibleWrapper(database.queries, { wrapperId: 'wrp_ada_private' }, 'bob');

      expect(seen).toEqual([
        ['wrp_ada_draft', undefined],
        ['wrp_ada_private', undefined],
        ['wrp_ada_unlisted', 'wrp_ada_unlisted'],
        [undefined, undefined],
      ]);
      expect(byId).toBeUndefined();
    });

    it('lists what everybody may find, the latest change first', async () => {
      await insert(wrapperOf('ada', 'old', { ...open, updated_at: at - 1 }));
      await insert(wrapperOf('ada', 'unlisted', { ...open, visibility: 'unlisted' }));
      await insert(wrapperOf('bob', 'new', open));

      expect(await listPublicVersions(database.queries, 10)).toEqual([
        { wrapper_id: 'wrp_bob_new', version: 1, owner: 'bob-name' },
        { wrapper_id: 'wrp_ada_old', version: 1, owner: 'ada-name' },
      ]);
      expect(await listPublicVersions(database.queries, 1)).toHaveLength(1);
      const read = await readWrappers(database.queries, ['wrp_ada_old', 'wrp_ada_unlisted', 'none']);
      expect(read.map((row) => [row.wrapper_id, row.owner])).toEqual([['wrp_ada_old', 'ada-name']]);
      expect(await readWrappers(database.queries, [])).toEqual([]);
    });

    it('shows nobody else what the owner of a closed account made, until it is open again', async () => {
      await insert(wrapperOf('ada', 'one', open));
      await insert(wrapperOf('bob', 'two', open));
      const account = { driver: 'local', display: 'Ada', password_hash: null, made_by: null };
      const row = { ...account, account_id: 'ada', external_id: 'ada', created_at: at, seen_at: null };
      await database.queries
        .insertInto('accounts')
        .values({ ...row, disabled_at: at })
        .execute();
      const shown = async () => ({
        listed: (await listPublicVersions(database.queries, 10)).map((one) => one.wrapper_id),
        read: (await readWrappers(database.queries, ['wrp_ada_one'])).length,
        seen: [await see('one', 'bob'), await see('one', 'ada')],
      });

      expect(await shown()).toEqual({
        listed: ['wrp_bob_two'],
        read: 0,
        seen: [undefined, 'wrp_ada_one'],
      });
      await database.queries.updateTable('accounts').set({ disabled_at: null }).execute();
      expect(await shown()).toEqual({
        listed: ['wrp_ada_one', 'wrp_bob_two'],
        read: 1,
        seen: ['wrp_ada_one', 'wrp_ada_one'],
      });
    });

    it('lists everything of one owner', async () => {
      await insert(wrapperOf('ada', 'one'));
      await insert(wrapperOf('bob', 'two', open));

      expect((await listOwnVersions(database.queries, 'ada')).map((row) => row.wrapper_id)).toEqual([
        'wrp_ada_one',
      ]);
      const ids = ['wrp_ada_one', 'wrp_bob_two'];
      expect((await readWrappers(database.queries, ids, 'ada')).map(({ alias }) => alias)).toEqual(['one']);
    });

    it('finds a wrapper by every name that its owner has had, and shows the newest', async () => {
      await insert(wrapperOf('ada', 'one', open));
      await claimOwnerName(database.queries, { name: 'lovelace', subject: 'ada', at });

      expect([await see('one', 'bob'), await see('one', 'bob', 'lovelace')]).toEqual([
        'wrp_ada_one',
        'wrp_ada_one',
      ]);
      expect((await listOwnVersions(database.queries, 'ada')).map(({ owner }) => owner)).toEqual([
        'lovelace',
      ]);
      await claimOwnerName(database.queries, { name: 'ada-name', subject: 'ada', at });
      expect(await findOwnerName(database.queries, 'ada')).toBe('ada-name');
    });

    it('gives nobody a name that somebody else has or had', async () => {
      await claimOwnerName(database.queries, { name: 'lovelace', subject: 'ada', at });

      const taken = await Promise.all(
        ['ada-name', 'lovelace'].map((each) =>
          claimOwnerName(database.queries, { name: each, subject: 'bob', at }),
        ),
      );

      expect(taken).toEqual([false, false]);
      expect(await findOwnerName(database.queries, 'bob')).toBe('bob-name');
    });

    it('has one wrapper of an alias for each owner', async () => {
      const kinds = [
        await insert(wrapperOf('ada', 'one')),
        await insert(wrapperOf('ada', 'one', { wrapper_id: 'wrp_again' })),
        await insert(wrapperOf('bob', 'one')),
      ].map(({ kind }) => kind);

      expect(kinds).toEqual(['inserted', 'alias_taken', 'inserted']);
    });

    it('finds the wrapper of a call that is made again, also when it was deleted meanwhile', async () => {
      const row = wrapperOf('ada', 'one', { client_ref: 'r', request_hash: 'h' });
      await insert(row);

      const again = await insert({ ...row, wrapper_id: 'wrp_again' });
      await deleteWrapper(database.queries, { wrapperId: row.wrapper_id, subject: 'ada', at });
      const after = await insert({ ...row, wrapper_id: 'wrp_later' });

      expect([again, after]).toMatchObject([
        { kind: 'replay', row: { wrapper_id: row.wrapper_id, request_hash: 'h', deleted_at: null } },
        { kind: 'replay', row: { wrapper_id: row.wrapper_id, deleted_at: at } },
      ]);
    });

    it('holds its bound when many come at once', async () => {
      const kinds = await Promise.all(
        Array.from({ length: 8 }, (_, nth) => insert(wrapperOf('ada', `w${nth}`), 3)),
      );

      expect(kinds.filter(({ kind }) => kind === 'inserted')).toHaveLength(3);
      expect(await listOwnVersions(database.queries, 'ada')).toHaveLength(3);
    });

    it('changes a version once, however many name it', async () => {
      await insert(wrapperOf('ada', 'one'));
      const change = (title: string) =>
        updateWrapper(database.queries, {
          wrapperId: 'wrp_ada_one',
          subject: 'ada',
          version: 1,
          set: { alias: 'one', definition: title, ...open, updated_at: at + 1 },
        });

      const done = await Promise.all(['a', 'b', 'c'].map(change));

      expect(done.filter((row) => row !== undefined)).toMatchObject([{ version: 2 }]);
      expect(await readWrappers(database.queries, ['wrp_ada_one'])).toMatchObject([{ version: 2, ...open }]);
    });

    it('changes and deletes nothing of somebody else', async () => {
      await insert(wrapperOf('ada', 'one', open));
      const set = { alias: 'x', definition: 'x', ...open, updated_at: at };
      const theirs = { wrapperId: 'wrp_ada_one', subject: 'bob' };

      expect(await updateWrapper(database.queries, { ...theirs, version: 1, set })).toBeUndefined();
      expect(await deleteWrapper(database.queries, { ...theirs, at })).toBe(false);
      expect(await see('one', 'bob')).toBe('wrp_ada_one');
    });

    it('says of a second wrapper with an alias that it is taken', async () => {
      await insert(wrapperOf('ada', 'one'));
      await insert(wrapperOf('ada', 'two'));

      const failed = await updateWrapper(database.queries, {
        wrapperId: 'wrp_ada_two',
        subject: 'ada',
        version: 1,
        set: { alias: 'one', definition: '', ...open, updated_at: at },
      }).catch(isUniqueViolation);

      expect(failed).toBe(true);
    });

    it('deletes a wrapper once and for all, and frees its alias', async () => {
      await insert(wrapperOf('ada', 'one', open));
      const own = { wrapperId: 'wrp_ada_one', subject: 'ada' };

      expect(await deleteWrapper(database.queries, { ...own, at })).toBe(true);
      expect(await deleteWrapper(database.queries, { ...own, at: at + 5 })).toBe(true);
      expect([await see('one', 'ada'), await listPublicVersions(database.queries, 10)]).toEqual([
        undefined,
        [],
      ]);
      expect((await insert(wrapperOf('ada', 'one', { wrapper_id: 'wrp_new' }))).kind).toBe('inserted');
    });

    it('forgets what was deleted long ago, so that it counts no more', async () => {
      await insert(wrapperOf('ada', 'one', { client_ref: 'r' }));
      await deleteWrapper(database.queries, { wrapperId: 'wrp_ada_one', subject: 'ada', at });

      const again = await insertWrapper(database, wrapperOf('ada', 'two', { client_ref: 'r' }), {
        most: 3,
        forgetBefore: at + 1,
      });

      expect(again.kind).toBe('inserted');
    });
  });
}
