import {
  connectionChanged,
  getAccount,
  grantRevoked,
  listConnections,
  listProviders,
  type Principal,
  readVaultKey,
  releaseCredential,
  Secret,
  verifyPassthrough,
} from '@inferry/contracts';
import { createCredentialClient, purposes } from '@inferry/credentials';
import { addTeamMember, findConnection, listAllConnections } from '@inferry/database/connections';
import { insertGrant } from '@inferry/database/oauth';
import { canonicalTool } from '@inferry/profiles';
import { sealText } from '@inferry/seals';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { AuthOptions } from '../service.ts';
import { type AuthUnderTest, ada, openAuth } from '../testing/open-auth.ts';
import { type ScriptedKeys, scriptedKeys, testKeks } from '../testing/vault-platform.ts';
import { type Connections, createConnections } from './connections.ts';
import { readEnvironmentKeys } from './environment-keys.ts';
import { openVault } from './vault.ts';

const bob: Principal = { ...ada, subject: 'bob', grant_id: 'key_bob' };
const operator: Principal = { ...ada, subject: 'local', grant_id: 'local', kind: 'local' };
const ok = { outcome: 'ok' } as const;

let auth: AuthUnderTest;
let keys: ScriptedKeys;
let connections: Connections;
let client: ReturnType<typeof createCredentialClient>;
const keks = testKeks();

async function start(options: AuthOptions = {}): Promise<void> {
  keys = scriptedKeys();
  for (const key of ['sk-ada-1', 'sk-team-1', 'sk-env-one', 'sk-env-two', 'rf_live_own'])
    keys.verdicts.set(key, { ...ok, account: `of ${key}`, balance: { amount: 5, currency: 'USD' } });
  auth = await openAuth({
    keks,
    providers: [keys.provider],
    fingerprintSecret: new Secret('f'.repeat(32)),
    ...options,
  });
  const vault = await openVault(auth.database, keks);
  const now = () => auth.clock.now;
  connections = createConnections({ database: auth.database, bus: auth.bus, vault, environment: [], now });
  client = createCredentialClient(auth.bus, { now });
}

beforeEach(() => start());
afterEach(async () => {
  client.close();
  await auth.close();
});

const keyOf = async (holder: Principal = ada) => (await client.get('scripted', holder))?.credential.reveal();

function put(key: string, owner: { kind: 'user' | 'team' | 'deployment'; id: string }): Promise<string> {
  auth.clock.now += 1;
  return connections.put({
    ...{ provider: 'scripted', owner, key: new Secret(key), label: 'main', origin: 'stored' },
  });
}

describe('a stored key', () => {
  test('is sealed in the database and reaches whoever calls the platform for its owner', async () => {
    await put('sk-ada-1', { kind: 'user', id: 'ada' });

    const key = await keyOf();

    expect(key).toBe('sk-ada-1');
    expect(JSON.stringify(await listAllConnections(auth.database.queries))).not.toContain('sk-ada');
  });

  test('is nobody else’s', async () => {
    const id = await put('sk-ada-1', { kind: 'user', id: 'ada' });

    const byDefault = await client.get('scripted', bob);
    const byId = await client.get('scripted', bob, { connectionId: id });

    expect([byDefault, byId]).toEqual([undefined, undefined]);
  });

  test('of a user comes before their team’s, and that before the deployment’s', async () => {
    await addTeamMember(auth.database.queries, { team: 'red', subject: 'ada' });
    await put('sk-ada-1', { kind: 'user', id: 'ada' });
    await put('sk-team-1', { kind: 'team', id: 'red' });
    await put('sk-env-one', { kind: 'deployment', id: '' });
    await addTeamMember(auth.database.queries, { team: 'red', subject: 'carol' });

    expect(await keyOf(ada)).toBe('sk-ada-1');
    expect(await keyOf({ ...bob, subject: 'carol' })).toBe('sk-team-1');
    expect(await keyOf(bob)).toBe('sk-env-one');
  });

  test('can be named where there are several', async () => {
    const first = await put('sk-ada-1', { kind: 'user', id: 'ada' });
    await put('sk-ada-2', { kind: 'user', id: 'ada' });

    const named = await client.get('scripted', ada, { connectionId: first });

    expect(await keyOf()).toBe('sk-ada-2');
    expect(named?.credential.reveal()).toBe('sk-ada-1');
  });

  test('is gone at once when it is removed, and its bytes with it', async () => {
    const id = await put('sk-ada-1', { kind: 'user', id: 'ada' });
    await keyOf();

    const removedByBob = await connections.remove(id, 'bob');
    await connections.remove(id, 'ada');

    await vi.waitFor(async () => expect(await keyOf()).toBeUndefined());
    expect(removedByBob).toBe(false);
    expect(await findConnection(auth.database.queries, id)).toBeUndefined();
  });

  test('whose row was given to another owner does not open', async () => {
    const id = await put('sk-ada-1', { kind: 'user', id: 'ada' });
    await auth.database.queries
      .updateTable('connections')
      .set({ owner_id: 'bob' })
      .where('connection_id', '=', id)
      .execute();

    await expect(keyOf(bob)).rejects.toMatchObject({ code: 'internal' });
  });

  test('is not taken where there is no vault, with what to do about it', async () => {
    const none = createConnections({ ...auth, vault: undefined, environment: [], now: Date.now });

    const outcome = none.putSignIn({
      ...{ subject: 'ada', provider: 'scripted', key: new Secret('sk-ada-1'), label: 'x' },
    });

    await expect(outcome).rejects.toMatchObject({ code: 'forbidden', nextAction: expect.any(String) });
  });
});

describe('keys in the environment', () => {
  const env = {
    SCRIPTED_API_KEY: 'sk-env-one, sk-env-two',
    FAL_KEY: 'fal-key',
    REPLICATE_API_TOKEN: 'r8-token',
    HF_TOKEN: 'hf-token',
    OPENAI_API_KEY: '',
  };

  test('are read by the names that each platform’s own clients read', () => {
    const found = readEnvironmentKeys(env, ['scripted', 'fal', 'replicate', 'huggingface', 'openai']);

    expect(found.map(({ connectionId, key }) => [connectionId, key.reveal()])).toEqual([
      ['env_scripted_1', 'sk-env-one'],
      ['env_scripted_2', 'sk-env-two'],
      ['env_fal_1', 'fal-key'],
      ['env_replicate_1', 'r8-token'],
      ['env_huggingface_1', 'hf-token'],
    ]);
    expect(JSON.stringify(found)).not.toContain('sk-env');
  });

  test('serve everybody; a refused one gives way to the next, and comes back with another value', async () => {
    await restart(env);
    keys.verdicts.delete('sk-env-one');

    const before = await keyOf();
    const outcome = await client.report('scripted', 'env_scripted_1', ada);
    const after = await keyOf(bob);

    expect([before, outcome, after]).toEqual(['sk-env-one', 'rejected', 'sk-env-two']);
    expect(readEnvironmentKeys({ SCRIPTED_API_KEY: 'sk-new' }, ['scripted'])[0]?.label).not.toBe(
      readEnvironmentKeys(env, ['scripted'])[0]?.label,
    );
  });

  async function restart(variables: Record<string, string>): Promise<void> {
    client.close();
    await auth.close();
    await start({ environmentKeys: readEnvironmentKeys(variables, ['scripted']) });
  }
});

describe('a key that its platform refused', () => {
  async function signIn(): Promise<string> {
    const signed = { subject: 'ada', provider: 'scripted', key: new Secret('sk-ada-1'), label: 'Ada' };
    const id = await connections.putSignIn(signed);
    await insertGrant(auth.database.queries, grantRow('grant_1'));
    await connections.bindGrant({ grantId: 'grant_1', subject: 'ada' });
    return id;
  }

  test('ends the grants that rest on it, when its platform says again that it is dead [X9][RW-45]', async () => {
    const id = await signIn();
    keys.verdicts.delete('sk-ada-1');
    const revoked: string[] = [];
    auth.bus.on(grantRevoked, ({ grant_id: grantId }) => revoked.push(grantId));

    const outcome = await client.report('scripted', id, ada);

    expect(outcome).toBe('rejected');
    await vi.waitFor(() => expect(revoked).toEqual(['grant_1']));
    expect(await keyOf()).toBeUndefined();
  });

  test('is kept when its platform takes it after all', async () => {
    const id = await signIn();

    const outcome = await client.report('scripted', id, ada);

    expect(outcome).toBe('ok');
    expect(await keyOf()).toBe('sk-ada-1');
  });

  test('is kept when its platform cannot be asked', async () => {
    const id = await signIn();
    keys.verdicts.set('sk-ada-1', { outcome: 'unknown' });

    expect(await client.report('scripted', id, ada)).toBe('unknown');
    expect(await keyOf()).toBe('sk-ada-1');
  });

  test('is tried once, however many runs report it', async () => {
    const id = await signIn();

    const outcomes = await Promise.all([1, 2, 3, 4].map(() => client.report('scripted', id, ada)));

    expect(keys.shown).toEqual(['sk-ada-1']);
    expect(outcomes.sort()).toEqual(['ok', 'unknown', 'unknown', 'unknown']);
  });

  test('cannot be reported by somebody else', async () => {
    const id = await signIn();
    keys.verdicts.delete('sk-ada-1');

    expect(await client.report('scripted', id, bob)).toBe('unknown');
    expect(keys.shown).toEqual([]);
  });

  test('is replaced by signing in again', async () => {
    const id = await signIn();
    const again = await connections.putSignIn({
      ...{ subject: 'ada', provider: 'scripted', key: new Secret('sk-ada-2'), label: 'Ada' },
    });

    expect(again).toBe(id);
    expect(await keyOf()).toBe('sk-ada-2');
  });
});

describe('a key that a caller brought along', () => {
  async function bring(key: string): Promise<{ principal: Principal | null }> {
    const { public_key: publicKey } = await auth.bus.call(readVaultKey, {}, { principal: operator });
    const sealed = sealText(new Secret(key), publicKey, purposes.passthrough('scripted'));
    return auth.bus.call(verifyPassthrough, { provider: 'scripted', sealed }, { principal: operator });
  }

  async function admitted(): Promise<Principal> {
    const { principal } = await bring('rf_live_own');
    if (principal === null) throw new Error('the key was refused');
    return principal;
  }

  test('makes its caller a tenant by its fingerprint, the same each time', async () => {
    const first = await admitted();
    const second = await admitted();

    expect(first).toEqual(second);
    expect(first).toMatchObject({ kind: 'passthrough', scopes: ['mcp', 'infra'] });
    expect(JSON.stringify(first)).not.toContain('rf_live');
  });

  test('is there for their runs, and nobody else’s', async () => {
    const principal = await admitted();

    expect(await keyOf(principal)).toBe('rf_live_own');
    expect(await keyOf(bob)).toBeUndefined();
  });

  test('is refused when its platform refuses it', async () => {
    expect((await bring('rf_live_bad')).principal).toBeNull();
  });

  test('is neither taken nor refused while its platform cannot be asked', async () => {
    keys.verdicts.set('rf_live_own', { outcome: 'unknown' });

    await expect(bring('rf_live_own')).rejects.toMatchObject({ code: 'unavailable' });
  });

  test('that was sealed for another provider is not opened', async () => {
    const { public_key: publicKey } = await auth.bus.call(readVaultKey, {}, { principal: operator });
    const sealed = sealText(new Secret('rf_live_own'), publicKey, purposes.passthrough('other'));

    const outcome = auth.bus.call(
      verifyPassthrough,
      { provider: 'scripted', sealed },
      { principal: operator },
    );

    await expect(outcome).rejects.toMatchObject({ code: 'validation_failed' });
  });

  test('is wiped soon after the last run that needed it', async () => {
    const principal = await admitted();
    await auth.bus.call(releaseCredential, { provider: 'scripted' }, { principal });
    auth.clock.now += 91_000;

    expect(await keyOf(principal)).toBeUndefined();
  });

  test('is wiped when nobody used it for a while, and kept while runs do', async () => {
    const principal = await admitted();
    for (let i = 0; i < 3; i += 1) {
      auth.clock.now += 10 * 60_000;
      expect(await keyOf(principal)).toBe('rf_live_own');
    }
    auth.clock.now += 15 * 60_000;

    expect(await keyOf(principal)).toBeUndefined();
  });

  test('never reaches the database where such keys are never stored', async () => {
    client.close();
    await auth.close();
    await start({ passthroughKeys: 'never-stored' });

    const principal = await admitted();

    expect(await keyOf(principal)).toBe('rf_live_own');
    expect(await listAllConnections(auth.database.queries)).toEqual([]);
  });
});

describe('the list of connections', () => {
  const list = (principal: Principal, probe = false) =>
    auth.bus.call(listConnections, { probe }, { principal });

  test('has the account and the balance of the caller’s own, when they are asked for', async () => {
    await put('sk-ada-1', { kind: 'user', id: 'ada' });

    const { connections: listed } = await list(ada, true);

    expect(listed).toMatchObject([
      { provider: 'scripted', owner: 'user', state: 'ok', account: 'of sk-ada-1', balance: { amount: 5 } },
    ]);
    expect(JSON.stringify(listed)).not.toContain('"sk-ada-1"');
  });

  test('is told as it was known while a platform takes its time', async () => {
    await put('sk-ada-1', { kind: 'user', id: 'ada' });
    keys.verdicts.set('sk-ada-1', new Promise(() => undefined));
    const options = { principal: ada, timeoutMs: 900 };

    const { connections: listed } = await auth.bus.call(listConnections, { probe: true }, options);

    expect(keys.shown).toEqual(['sk-ada-1']);
    expect(listed).toMatchObject([{ provider: 'scripted', owner: 'user' }]);
  });

  test('tells nobody but the operator what the deployment has left', async () => {
    await put('sk-env-one', { kind: 'deployment', id: '' });

    const forAda = await list(ada, true);
    const forOperator = await list(operator, true);

    expect(forAda.connections[0]).not.toHaveProperty('balance');
    expect(forAda.connections[0]?.label).toBe('deployment');
    expect(forOperator.connections[0]).toMatchObject({ balance: { amount: 5, currency: 'USD' } });
  });

  test('is where get_account has balances and the state of keys from', async () => {
    auth.answer(listProviders, async () => ({
      providers: [
        {
          ...{ slug: 'scripted', title: 'Scripted', ready: true, models: 1 },
          stale: false,
          capabilities: [],
        },
      ],
    }));
    await put('sk-ada-1', { kind: 'user', id: 'ada' });

    const { structuredContent } = JSON.parse(
      await auth.bus.callTool(
        canonicalTool(getAccount),
        { sections: ['balance', 'providers'] },
        { principal: ada },
      ),
    );

    expect(structuredContent.balance).toEqual([
      { provider: 'scripted', connection: 'main', amount: 5, currency: 'USD' },
    ]);
    expect(structuredContent.providers).toMatchObject([{ slug: 'scripted', connected: true, key_ok: true }]);
  });

  test('shows a caller nothing of another', async () => {
    await put('sk-ada-1', { kind: 'user', id: 'ada' });

    expect((await list(bob)).connections).toEqual([]);
  });
});

test('whoever adds a connection tells everybody to ask anew', async () => {
  const heard: string[] = [];
  auth.bus.on(connectionChanged, ({ provider }) => heard.push(provider));

  await put('sk-ada-1', { kind: 'user', id: 'ada' });

  await vi.waitFor(() => expect(heard).toEqual(['scripted']));
});

function grantRow(grantId: string) {
  return {
    ...{ grant_id: grantId, subject: 'ada', display: 'Ada', client_id: 'c', client_name: 'c' },
    ...{ kind: 'authorization_code', scopes: '["mcp"]', created_at: 1, last_used_at: null },
    ...{ expires_at: Date.parse('2027-01-01'), revoked_at: null },
  };
}
