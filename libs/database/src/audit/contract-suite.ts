/** What both databases do alike with the audit trail: triggers that write it, the chain, and what is refused. */
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import type { Database } from '../database.ts';
import { insertApiKey, revokeApiKey } from '../keys/api-keys.ts';
import type { RunRow } from '../schema.ts';
import { addAudit, chainAudit, pruneAudit, readAudit, verifyAudit } from './audit.ts';

interface AuditWorld {
  database(): Database;
  insert(): Promise<RunRow>;
}

export function describeAudit({ database, insert }: AuditWorld): void {
  const key = {
    ...{ key_id: 'key_1', subject: 'alice', name: 'k', key_sha256: 'x', scopes: '["mcp"]', created_at: 1 },
    ...{ expires_at: null, last_used_at: null, revoked_at: null, made_by: 'operator' },
  };

  describe('the audit trail', () => {
    it('tells who ran, allowed and revoked what, whoever wrote it', async () => {
      const { queries } = database();
      const { run_id: runId } = await insert();
      await insertApiKey(queries, key);
      await revokeApiKey(queries, { keyId: 'key_1', at: 5 });
      await revokeApiKey(queries, { keyId: 'key_1', at: 6 });
      await addAudit(queries, {
        at: Date.now(),
        actor: 'operator ada',
        action: 'admin.x',
        object: 'y',
        details: { a: 1 },
      });
      await chainAudit(database());

      const lines = await readAudit(queries, { after: 0, limit: 10 });

      expect(
        lines.map(({ action, actor, subject, object }) => [action, actor, subject, object]).sort(),
      ).toEqual([
        ['admin.x', 'operator ada', '', 'y'],
        ['key.created', 'operator', 'alice', 'key_1'],
        ['key.revoked', '', 'alice', 'key_1'],
        ['run.started', 'alice', 'alice', runId],
      ]);
      const started = lines.find(({ action }) => action === 'run.started');
      expect(JSON.parse(started?.details ?? '')).toMatchObject({ model: 'scripted/model', currency: 'USD' });
      expect(JSON.stringify(lines)).not.toContain(key.key_sha256.repeat(2));
    });

    it('is one chain however many replicas make it', async () => {
      await Promise.all(Array.from({ length: 20 }, () => insert()));

      await Promise.all(Array.from({ length: 5 }, () => chainAudit(database(), { limit: 3 })));
      while ((await chainAudit(database())) > 0);

      const report = await verifyAudit(database());
      expect(report).toMatchObject({ lines: 20, broken: undefined, last: { place: 20 } });
      expect(await verifyAudit(database(), report.last)).toEqual(report);
    });

    it('is only added to, whoever tries', async () => {
      const { queries } = database();
      await insert();
      const change = () => queries.updateTable('audit_entries').set({ actor: 'eve' }).execute();
      await expect(change()).rejects.toThrow(/only added/);
      await chainAudit(database());

      await expect(change()).rejects.toThrow(/only added/);
      await expect(queries.updateTable('audit_entries').set({ hash: 'x' }).execute()).rejects.toThrow(
        /only added/,
      );
      await expect(queries.deleteFrom('audit_entries').execute()).rejects.toThrow(/only added/);
    });

    it('shows a line that was changed past its guard, and one that was cut off', async () => {
      const { queries } = database();
      for (let index = 0; index < 3; index += 1) await insert();
      await chainAudit(database());
      const { last } = await verifyAudit(database());
      const onTable = database().dialect === 'postgres' ? sql` on audit_entries` : sql``;
      for (const name of ['audit_unchanged', 'audit_kept'])
        await sql`drop trigger ${sql.ref(name)}${onTable}`.execute(queries);

      await queries.deleteFrom('audit_entries').where('place', '=', 3).execute();
      expect((await verifyAudit(database(), last)).broken).toMatchObject({ place: 3 });
      await queries.updateTable('audit_entries').set({ actor: 'eve' }).where('place', '=', 2).execute();

      expect((await verifyAudit(database())).broken).toEqual({
        place: 2,
        problem: 'is not as it was written',
      });
      await queries.deleteFrom('audit_entries').where('place', '=', 1).execute();
      expect((await verifyAudit(database())).broken).toEqual({ place: 1, problem: 'is missing' });
    });

    it('is deleted by its age, and verified from there', async () => {
      const { queries } = database();
      const add = (at: number) => addAudit(queries, { at, actor: 'a', action: 'x', object: 'o' });
      for (const at of [1_000, 2_000, 3_000]) await add(at);
      await chainAudit(database());

      expect(await pruneAudit(database(), { before: 2_500, now: 9_000 })).toBe(2);
      expect(await pruneAudit(database(), { before: 2_500, now: 9_000 })).toBe(0);
      await add(4_000);
      await chainAudit(database());

      expect(await verifyAudit(database())).toMatchObject({
        lines: 2,
        broken: undefined,
        last: { place: 4 },
      });
    });
  });
}
