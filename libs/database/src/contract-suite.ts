import { setTimeout as sleep } from 'node:timers/promises';
import { CompiledQuery, sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Database, Queries } from './database.ts';
import { type DumpRow, dumpDatabase, loadDatabase } from './dump.ts';
import { isUniqueViolation } from './failures.ts';
import { addRevocation, readRevocationsAfter } from './keys/revocations.ts';
import type { Migration } from './migrations.ts';
import type { DatabaseOptions } from './open-database.ts';
import { skipLocked } from './skip-locked.ts';

export interface DatabaseUnderTest {
  url: string;
  /** A further handle on the same database, which was empty at first. */
  open(options?: Partial<DatabaseOptions>): Database;
  /** After every handle was closed. */
  remove(): Promise<void>;
}

const release: Migration = {
  id: '0001_first',
  up: () => ['create table first_things (id bigint primary key)'],
};
const nextRelease: Migration = {
  id: '0002_next',
  up: () => ['alter table first_things add column note text'],
};

/** What both databases do alike. */
export function describeDatabase(name: string, create: () => Promise<DatabaseUnderTest>): void {
  describe(name, () => {
    let underTest: DatabaseUnderTest;
    let handles: Database[];

    function open(options?: Partial<DatabaseOptions>): Database {
      const handle = underTest.open(options);
      handles.push(handle);
      return handle;
    }

    async function openMigrated(): Promise<Database> {
      const handle = open();
      await handle.migrate();
      return handle;
    }

    beforeEach(async () => {
      underTest = await create();
      handles = [];
    });
    afterEach(async () => {
      await Promise.all(handles.map((handle) => handle.close()));
      await underTest.remove();
    });

    describe('a dump', () => {
      it('has everything as it was at one moment, and fills an empty database of the same kind', async () => {
        const database = await openMigrated();
        await addGrant(database, 'first');
        await addGrant(database, 'second');
        const other = await create();
        const copied = await dumpDatabase(database, async (dump) => {
          const { tables } = dump;
          const rows = new Map<string, DumpRow[]>();
          for (const table of tables) {
            const found: DumpRow[] = [];
            for await (const row of dump.rows(table)) found.push(row);
            rows.set(table, found);
          }
          return { migrations: dump.migrations, tables, rows };
        });
        await addGrant(database, 'later');
        const given = {
          ...copied,
          async *rows(table: string) {
            yield* copied.rows.get(table) ?? [];
          },
        };
        const load = () => loadDatabase(given, { url: other.url, isStopped: true, now: 1 });

        expect((await load()).revocations).toBe(2);
        const restored = other.open();
        expect(await grantsOf(restored)).toEqual(['first', 'second']);
        // Numbers go on after those that came with it.
        await addGrant(restored, 'third');
        expect(await grantsOf(restored)).toEqual(['first', 'second', 'third']);
        await expect(load()).rejects.toThrow('the database is not empty');
        await restored.close();
        await other.remove();
      });

      it('of a newer release is refused', async () => {
        const dump = { migrations: ['9999_later'], tables: [], rows: () => ReadableStream.from<DumpRow>([]) };

        await expect(loadDatabase(dump, { url: underTest.url, isStopped: true, now: 1 })).rejects.toThrow(
          'newer release: it has 9999_later',
        );
      });
    });

    describe('migrations', () => {
      it('change nothing the second time', async () => {
        const database = await openMigrated();
        await addGrant(database, 'kept');

        await database.migrate();

        expect(await database.queries.selectFrom('revocations').select('grant_id').execute()).toHaveLength(1);
      });

      it('run once when four handles start at once', async () => {
        const four = [open(), open(), open(), open()];

        await Promise.all(four.map((handle) => handle.migrate()));

        const [first] = four;
        expect(await first?.queries.selectFrom('runs').select('run_id').execute()).toEqual([]);
      });

      it('add only what is missing', async () => {
        await open({ migrations: [release] }).migrate();
        const database = open({ migrations: [release, nextRelease] });

        await database.migrate();

        const rows = await runSql(database.queries, 'select id, note from first_things');
        expect(rows).toEqual([]);
      });

      it('refuse a database that is newer than the code', async () => {
        await open({ migrations: [release, nextRelease] }).migrate();

        const outcome = open({ migrations: [release] }).migrate();

        await expect(outcome).rejects.toThrow('newer than this release: it has 0002_next');
      });

      it('let an older release start beside a newer one that it can live with', async () => {
        const additive: Migration = { ...nextRelease, oldest: release.id };
        await open({ migrations: [release, additive] }).migrate();
        const older = open({ migrations: [release] });

        await older.migrate();
        await runSql(older.queries, 'select id from first_things');

        expect(await older.schemaState()).toEqual({ isEmpty: false, missing: [] });
      });

      it('refuse an older release once one migration is not for it', async () => {
        const additive: Migration = { ...nextRelease, oldest: release.id };
        const breaking: Migration = { id: '0003_breaks', oldest: additive.id, up: () => [] };
        await open({ migrations: [release, additive, breaking] }).migrate();

        await expect(open({ migrations: [release] }).migrate()).rejects.toThrow('it has 0003_breaks');
        await open({ migrations: [release, additive] }).migrate();
      });

      it('take up a schema of a release that said nothing of others', async () => {
        const old = open({ migrations: [] });
        await runSql(
          old.queries,
          'create table migrations (id text primary key, applied_at bigint not null)',
        );
        for (const statement of release.up(old.dialect)) await runSql(old.queries, statement);
        await runSql(old.queries, `insert into migrations values ('${release.id}', 1)`);
        const database = open({ migrations: [release, nextRelease] });
        const before = await database.schemaState();

        await database.migrate();

        expect(before).toEqual({ isEmpty: false, missing: [nextRelease.id] });
        expect(await database.schemaState()).toEqual({ isEmpty: false, missing: [] });
      });

      it('tell what an empty database lacks, and change nothing by it', async () => {
        const database = open({ migrations: [release] });
        const states = [await database.schemaState(), await database.schemaState()];

        expect(states).toEqual([
          { isEmpty: true, missing: [release.id] },
          { isEmpty: true, missing: [release.id] },
        ]);
      });

      it('leave nothing behind when one of them fails', async () => {
        const broken: Migration = {
          id: '0002_broken',
          up: () => ['create table half (id bigint)', 'nonsense'],
        };
        await expect(open({ migrations: [release, broken] }).migrate()).rejects.toThrow();
        const database = open({ migrations: [release] });

        await database.migrate();

        await expect(runSql(database.queries, 'select id from half')).rejects.toThrow(/half/);
      });
    });

    describe('transaction', () => {
      it('keeps its writes and returns the value of its work', async () => {
        const database = await openMigrated();

        const value = await database.transaction(async (queries) => {
          await queries.insertInto('revocations').values({ grant_id: 'a', at: 1 }).execute();
          return 'done';
        });

        expect(value).toBe('done');
        expect(await grantIds(database)).toEqual(['a']);
      });

      it('undoes everything when its work throws', async () => {
        const database = await openMigrated();

        const outcome = database.transaction(async (queries) => {
          await queries.insertInto('revocations').values({ grant_id: 'a', at: 1 }).execute();
          throw new Error('changed my mind');
        });

        await expect(outcome).rejects.toThrow('changed my mind');
        expect(await grantIds(database)).toEqual([]);
      });

      it('refuses to start within another', async () => {
        const database = await openMigrated();

        const outcome = database.transaction(() => database.transaction(async () => 'inner'));

        await expect(outcome).rejects.toMatchObject({
          code: 'internal',
          message: expect.stringContaining('within'),
        });
      });

      it('is lost as a whole when the failure of one of its statements is swallowed', async () => {
        const database = await openMigrated();
        await addBudget(database, 100);

        const outcome = database.transaction(async (queries) => {
          await queries.insertInto('revocations').values({ grant_id: 'a', at: 1 }).execute();
          await queries
            .insertInto('budgets')
            .values(budget(1))
            .execute()
            .catch(() => undefined);
        });

        await expect(outcome).rejects.toThrow('aborted');
        expect(await grantIds(database)).toEqual([]);
      });

      it('hides its writes from others until it ends, and does not make their reads wait', async () => {
        const database = await openMigrated();

        const seen = await database.transaction(async (queries) => {
          await queries.insertInto('revocations').values({ grant_id: 'a', at: 1 }).execute();
          return grantIds(database);
        });

        expect(seen).toEqual([]);
        expect(await grantIds(database)).toEqual(['a']);
      });

      it('keeps concurrent ones apart: no update is lost', async () => {
        const first = await openMigrated();
        const second = open();
        await addBudget(first, 0);

        await Promise.all(
          Array.from({ length: 40 }, (_, index) => addOneSlowly(index % 2 === 0 ? first : second)),
        );

        const { limit_micros } = await first.queries
          .selectFrom('budgets')
          .select('limit_micros')
          .executeTakeFirstOrThrow();
        expect(limit_micros).toBe(40);
      });

      it('does not let a write of its own handle slip in between', async () => {
        const database = await openMigrated();

        const running = database.transaction(async (queries) => {
          await queries.insertInto('revocations').values({ grant_id: 'undone', at: 1 }).execute();
          await sleep(30);
          throw new Error('undo');
        });
        await Promise.all([addGrant(database, 'kept'), expect(running).rejects.toThrow('undo')]);

        expect(await grantIds(database)).toEqual(['kept']);
      });
    });

    it('leases rows to many workers of two handles so that no row is held twice', async () => {
      const first = await openMigrated();
      const second = open();
      await addDeliveries(first, 120);
      const leased: string[] = [];
      const work = async (database: Database): Promise<void> => {
        for (;;) {
          const batch = await leaseDeliveries(database, 7);
          if (batch.length === 0) return;
          leased.push(...batch);
        }
      };

      await Promise.all([first, second, first, second, first, second].map(work));

      expect(leased).toHaveLength(120);
      expect(new Set(leased).size).toBe(120);
    });

    it('shows no revocation before one with a lower number', async () => {
      const first = await openMigrated();
      const second = open();
      const { promise: isAdded, resolve: added } = Promise.withResolvers<void>();
      const { promise: mayEnd, resolve: end } = Promise.withResolvers<void>();
      const slow = first.transaction(async (queries) => {
        await addRevocation(queries, first.dialect, { grantId: 'slow', at: 1 });
        added();
        await mayEnd;
      });
      await isAdded;
      const quick = second.transaction((queries) =>
        addRevocation(queries, second.dialect, { grantId: 'quick', at: 1 }),
      );

      await Promise.race([quick, sleep(150)]);
      const early = await readRevocationsAfter(second.queries, { after: 0, limit: 9 });
      end();
      await Promise.all([slow, quick]);
      const late = await readRevocationsAfter(second.queries, { after: 0, limit: 9 });

      expect(early).toEqual({ items: [], latest: 0 });
      expect(late.items.map((item) => item.grant_id)).toEqual(['slow', 'quick']);
    });

    it('tells a unique violation from other failures', async () => {
      const database = await openMigrated();
      await addBudget(database, 1);

      const duplicate = await addBudget(database, 2).catch((error: unknown) => error);
      const nonsense = await runSql(database.queries, 'select nothing from nowhere').catch(
        (error: unknown) => error,
      );

      expect(isUniqueViolation(duplicate)).toBe(true);
      expect(isUniqueViolation(nonsense)).toBe(false);
      expect(isUniqueViolation(undefined)).toBe(false);
    });

    describe('values', () => {
      it.each([0, -1, 2 ** 31, 1_795_258_598_187, Number.MAX_SAFE_INTEGER, -Number.MAX_SAFE_INTEGER])(
        'keeps the integer %d as a number',
        async (value) => {
          const database = await openMigrated();
          await addBudget(database, value);

          const row = await database.queries.selectFrom('budgets').select('limit_micros').executeTakeFirst();

          expect(row?.limit_micros).toBe(value);
        },
      );

      it('refuses to read an integer that a number cannot hold', async () => {
        const database = await openMigrated();
        await runSql(database.queries, "insert into budgets values ('s', 'day', 'USD', 9007199254740993)");

        const outcome = database.queries.selectFrom('budgets').selectAll().execute();

        await expect(outcome).rejects.toThrow(/large|range/i);
      });

      it('counts and sums as numbers', async () => {
        const database = await openMigrated();
        await addGrant(database, 'a');
        await addGrant(database, 'b');

        const row = await database.queries
          .selectFrom('revocations')
          .select(({ fn }) => [fn.countAll<number>().as('count'), fn.sum<number>('at').as('sum')])
          .executeTakeFirst();

        expect(row).toEqual({ count: 2, sum: 2 });
      });

      it('divides integers as integers', async () => {
        const database = await openMigrated();
        await addBudget(database, 7);

        const row = await database.queries
          .selectFrom('budgets')
          .select(sql<number>`limit_micros / ${2}`.as('half'))
          .executeTakeFirst();

        expect(row?.half).toBe(3);
      });

      it.each([
        ['unicode', 'naïve 日本語 🦊 \u{10FFFF} "quoted" \\ \n\t'],
        ['JSON', JSON.stringify({ text: 'a\u0000b', list: [1, null, { deep: '🦊' }], big: 2 ** 53 })],
        ['what no database keeps, in its place', 'a\u0000b', 'a\ufffdb'],
        ['a megabyte', 'ü'.repeat(524_288)],
        ['nothing', ''],
      ])('keeps text as it was: %s', async (_kind, text, kept = text) => {
        const database = await openMigrated();
        await database.queries
          .insertInto('models')
          .values({
            model: 'm',
            provider: 'p',
            native_id: 'n',
            document: text,
            deleted_at: null,
            updated_at: 1,
          })
          .execute();

        const row = await database.queries.selectFrom('models').select('document').executeTakeFirst();

        expect(row?.document === kept).toBe(true);
      });

      it('sorts text by its bytes', async () => {
        const database = await openMigrated();
        for (const id of ['b', 'B', 'a', '_', 'ä', 'A', '1']) await addGrant(database, id);

        const rows = await database.queries
          .selectFrom('revocations')
          .select('grant_id')
          .orderBy('grant_id')
          .execute();

        expect(rows.map((row) => row.grant_id)).toEqual(['1', 'A', 'B', '_', 'a', 'b', 'ä']);
      });

      it('tells how many rows an update changed', async () => {
        const database = await openMigrated();
        await addGrant(database, 'a');
        await addGrant(database, 'b');

        const result = await database.queries.updateTable('revocations').set({ at: 9 }).executeTakeFirst();

        expect(Number(result.numUpdatedRows)).toBe(2);
      });
    });

    it('enforces that events belong to a run', async () => {
      const database = await openMigrated();

      const outcome = database.queries
        .insertInto('run_events')
        .values({ run_id: 'run_none', seq: 1, at: 1, status: 'queued', note: '' })
        .execute();

      await expect(outcome).rejects.toThrow(/foreign key/i);
    });

    it('answers a ping', async () => {
      await expect(open().ping()).resolves.toBeUndefined();
    });

    it('answers everything with unavailable once it is closed, also when it never was used', async () => {
      const used = await openMigrated();
      const unused = open();
      await used.close();
      await unused.close();

      for (const handle of [used, unused]) {
        const attempts = [
          () => handle.ping(),
          () => handle.migrate(),
          () => handle.transaction(async () => 1),
          () => handle.queries.selectFrom('runs').selectAll().execute(),
        ];
        for (const attempt of attempts) {
          await expect(attempt()).rejects.toMatchObject({
            code: 'unavailable',
            retryAfterSeconds: expect.any(Number),
          });
        }
      }
    });

    it('closes twice without complaint', async () => {
      const database = await openMigrated();

      await database.close();

      await expect(database.close()).resolves.toBeUndefined();
    });
  });
}

/** Written-out SQL, for what the query builder has no words for. */
export async function runSql(queries: Queries, text: string, values: unknown[] = []): Promise<unknown[]> {
  return (await queries.executeQuery(CompiledQuery.raw(text, values))).rows;
}

async function grantsOf(database: Database): Promise<string[]> {
  const { items } = await readRevocationsAfter(database.queries, { after: 0, limit: 9 });
  return items.map(({ grant_id: id }) => id);
}

async function addGrant(database: Database, grantId: string): Promise<void> {
  await database.queries.insertInto('revocations').values({ grant_id: grantId, at: 1 }).execute();
}

async function grantIds(database: Database): Promise<string[]> {
  const rows = await database.queries.selectFrom('revocations').select('grant_id').orderBy('seq').execute();
  return rows.map((row) => row.grant_id);
}

function budget(limitMicros: number) {
  return { subject: 's', period: 'day', currency: 'USD', limit_micros: limitMicros };
}

async function addBudget(database: Database, limitMicros: number): Promise<void> {
  await database.queries.insertInto('budgets').values(budget(limitMicros)).execute();
}

/** Read, wait, write: loses updates unless the transactions keep out of each other's way. */
async function addOneSlowly(database: Database): Promise<void> {
  await database.transaction(async (queries) => {
    const { limit_micros } = await queries
      .selectFrom('budgets')
      .select('limit_micros')
      .$if(database.dialect === 'postgres', (query) => query.forUpdate())
      .executeTakeFirstOrThrow();
    await sleep(1);
    await queries
      .updateTable('budgets')
      .set({ limit_micros: limit_micros + 1 })
      .execute();
  });
}

async function addDeliveries(database: Database, count: number): Promise<void> {
  const rows = Array.from({ length: count }, (_, index) => ({
    ...{ delivery_id: `d${index}`, run_id: 'r', url: 'u', body: '{}', attempts: 0, next_attempt_at: 1 },
    ...{ lease_until: null, delivered_at: null, last_status: null },
  }));
  await database.queries.insertInto('webhook_deliveries').values(rows).execute();
}

async function leaseDeliveries(database: Database, limit: number): Promise<string[]> {
  const rows = await database.queries
    .with(
      (cte) => cte('due').materialized(),
      (queries) =>
        queries
          .selectFrom('webhook_deliveries')
          .select('delivery_id as due_id')
          .where('next_attempt_at', 'is not', null)
          .orderBy('next_attempt_at')
          .limit(limit)
          .$call(skipLocked(database.dialect)),
    )
    .updateTable('webhook_deliveries')
    .set({ next_attempt_at: null })
    .where('delivery_id', 'in', (eb) => eb.selectFrom('due').select('due.due_id'))
    .returning('delivery_id')
    .execute();
  return rows.map((row) => row.delivery_id);
}
