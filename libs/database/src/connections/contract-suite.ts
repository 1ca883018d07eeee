import { afterEach, describe, expect, it } from 'vitest';
import type { Database } from '../database.ts';
import {
  addTeamMember,
  addVaultKey,
  bindGrantToConnection,
  type ConnectionRow,
  deleteConnection,
  findUsableConnection,
  findVaultKey,
  listConnectionsToRewrap,
  listGrantsOfConnection,
  listNeededKids,
  listUsableConnections,
  noteConnectionCheck,
  noteConnectionLimit,
  putConnection,
  removeTeamMember,
  replaceSealed,
  setConnectionExpiry,
  sweepConnections,
} from './index.ts';

/** What the tables of connections promise, on any database. */
export function describeConnections(name: string, open: () => Promise<Database>): void {
  describe(`connections on ${name}`, () => {
    let database: Database | undefined;
    afterEach(() => database?.close());
    const start = async () => {
      database = await open();
      return database.queries;
    };

    it('are listed for whom they are: own, then of their teams, then the deployment’s, the newest first', async () => {
      const queries = await start();
      await putConnection(queries, row({ connection_id: 'd', owner_kind: 'deployment', owner_id: '' }));
      await putConnection(queries, row({ connection_id: 't', owner_kind: 'team', owner_id: 'red' }));
      await putConnection(queries, row({ connection_id: 't2', owner_kind: 'team', owner_id: 'blue' }));
      await putConnection(queries, row({ connection_id: 'u1', owner_id: 'ada' }));
      await putConnection(queries, row({ connection_id: 'u2', owner_id: 'ada', created_at: 9 }));
      await putConnection(queries, row({ connection_id: 'b', owner_id: 'bob' }));
      await addTeamMember(queries, { team: 'red', subject: 'ada' });

      expect(await idsFor(database, 'ada')).toEqual(['u2', 'u1', 't', 'd']);
      expect(await idsFor(database, 'bob')).toEqual(['b', 'd']);
      expect(await idsFor(database, '')).toEqual(['d']);
    });

    it('of a team are gone for whoever left it', async () => {
      const queries = await start();
      await putConnection(queries, row({ connection_id: 't', owner_kind: 'team', owner_id: 'red' }));
      await addTeamMember(queries, { team: 'red', subject: 'ada' });

      await removeTeamMember(queries, { team: 'red', subject: 'ada' });

      expect(await idsFor(database, 'ada')).toEqual([]);
      expect(await findUsableConnection(queries, { subject: 'ada', connectionId: 't' })).toBeUndefined();
    });

    it('of somebody else cannot be found nor deleted', async () => {
      const queries = await start();
      await putConnection(queries, row({ owner_id: 'ada' }));

      const found = await findUsableConnection(queries, { subject: 'bob', connectionId: 'c' });
      const deleted = await deleteConnection(queries, { connectionId: 'c', subject: 'bob' });

      expect(found).toBeUndefined();
      expect(deleted).toBe(false);
      expect(await idsFor(database, 'ada')).toEqual(['c']);
    });

    it('are left alone for the longest time that was asked for', async () => {
      const queries = await start();
      await putConnection(queries, row({ owner_id: 'ada' }));

      const noted = [];
      for (const until of [50, 40, 60])
        noted.push(await noteConnectionLimit(queries, { connectionId: 'c', until }));
      noted.push(await noteConnectionLimit(queries, { connectionId: 'none', until: 99 }));

      expect(noted).toEqual([true, false, true, false]);
      const [known] = await listUsableConnections(queries, { subject: 'ada', at: 10 });
      expect(known?.limited_until).toBe(60);
    });

    it('whose time is over are not listed, and are deleted with their grants', async () => {
      const queries = await start();
      await putConnection(queries, row({ owner_id: 'ada', origin: 'passthrough', expires_at: 50 }));
      await bindGrantToConnection(queries, { grantId: 'g', connectionId: 'c' });

      const listed = await idsFor(database, 'ada');
      const swept = await sweepConnections(queries, 100);

      expect(listed).toEqual([]);
      expect(swept).toBe(1);
      expect(await listGrantsOfConnection(queries, 'c')).toEqual([]);
    });

    it('get another end only when their caller brought them along', async () => {
      const queries = await start();
      await putConnection(queries, row({ connection_id: 'kept' }));
      await putConnection(queries, row({ connection_id: 'brought', origin: 'passthrough' }));

      expect(await setConnectionExpiry(queries, { connectionId: 'kept', expiresAt: 1 })).toBe(false);
      expect(await setConnectionExpiry(queries, { connectionId: 'brought', expiresAt: 1 })).toBe(true);
    });

    it('keep when they were made when they are replaced, and what a check does not tell', async () => {
      const queries = await start();
      await putConnection(queries, row({ owner_id: 'ada', account: 'acme' }));
      await putConnection(queries, row({ owner_id: 'ada', account: 'acme', created_at: 99, sealed: 'new' }));

      await noteConnectionCheck(queries, { connectionId: 'c', state: 'rejected', at: 7 });

      const [found] = await listUsableConnections(queries, { subject: 'ada', at: 100 });
      expect(found).toMatchObject({ created_at: 1, sealed: 'new', account: 'acme', state: 'rejected' });
    });

    it('bind a grant once', async () => {
      const queries = await start();
      await putConnection(queries, row({}));
      await bindGrantToConnection(queries, { grantId: 'g', connectionId: 'c' });

      await bindGrantToConnection(queries, { grantId: 'g', connectionId: 'c' });

      expect(await listGrantsOfConnection(queries, 'c')).toEqual(['g']);
    });

    it('tell which keys open them, and which are wrapped by another one', async () => {
      const queries = await start();
      await putConnection(queries, row({ connection_id: 'a', kid: 'k1' }));
      await putConnection(queries, row({ connection_id: 'b', kid: 'k2' }));
      await putConnection(queries, row({ connection_id: 'e', kid: null, sealed: null }));
      await addVaultKey(queries, vaultKey('k3'));

      const kids = await listNeededKids(queries);
      const old = await listConnectionsToRewrap(queries, { kid: 'k2', after: '', limit: 9 });

      expect(kids.sort()).toEqual(['k1', 'k2', 'k3']);
      expect(old.map((one) => one.connection_id)).toEqual(['a']);
    });

    it('are wrapped anew only as they were read', async () => {
      const queries = await start();
      await putConnection(queries, row({ sealed: 'now' }));

      const late = await replaceSealed(queries, change({ before: 'then' }));
      const inTime = await replaceSealed(queries, change({ before: 'now' }));

      expect([late, inTime]).toEqual([false, true]);
    });

    it('have one key pair of the vault, whoever was first', async () => {
      const queries = await start();
      await addVaultKey(queries, vaultKey('k1'));

      await addVaultKey(queries, vaultKey('k2'));

      expect(await findVaultKey(queries, 'transport')).toMatchObject({ kid: 'k1' });
    });
  });
}

async function idsFor(database: Database | undefined, subject: string): Promise<string[]> {
  if (database === undefined) return [];
  const rows = await listUsableConnections(database.queries, { subject, provider: 'openai', at: 100 });
  return rows.map((one) => one.connection_id);
}

function change({ before }: { before: string }) {
  return { connectionId: 'c', before, sealed: 'anew', kid: 'k2' };
}

function vaultKey(kid: string) {
  return { name: 'transport', public_key: 'p', kid, sealed: 's', created_at: 1 };
}

function row(fields: Partial<ConnectionRow>): ConnectionRow {
  return {
    connection_id: 'c',
    provider: 'openai',
    owner_kind: 'user',
    owner_id: 'nobody',
    label: 'main',
    origin: 'stored',
    state: 'unknown',
    base_url: null,
    account: null,
    balance: null,
    kid: 'k1',
    sealed: 'sealed',
    created_at: 1,
    checked_at: null,
    limited_until: null,
    expires_at: null,
    ...fields,
  };
}
