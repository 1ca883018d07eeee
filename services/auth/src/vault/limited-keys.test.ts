import { getAccount, listConnections, listProviders, type Principal, Secret } from '@inferry/contracts';
import { createCredentialClient } from '@inferry/credentials';
import { canonicalTool } from '@inferry/profiles';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type AuthUnderTest, ada, openAuth } from '../testing/open-auth.ts';
import { type ScriptedKeys, scriptedKeys, testKeks } from '../testing/vault-platform.ts';
import { type Connections, createConnections, type Owner } from './connections.ts';
import { readEnvironmentKeys } from './environment-keys.ts';
import { openVault } from './vault.ts';

const bob: Principal = { ...ada, subject: 'bob', grant_id: 'key_bob' };
const keks = testKeks();
const env = { SCRIPTED_API_KEY: 'sk-env-one, sk-env-two' };

let auth: AuthUnderTest;
let keys: ScriptedKeys;
let connections: Connections;
let client: ReturnType<typeof createCredentialClient>;

beforeEach(async () => {
  keys = scriptedKeys();
  auth = await openAuth({
    ...{ keks, providers: [keys.provider] },
    environmentKeys: readEnvironmentKeys(env, ['scripted']),
  });
  const vault = await openVault(auth.database, keks);
  const now = () => auth.clock.now;
  connections = createConnections({ database: auth.database, bus: auth.bus, vault, environment: [], now });
  client = createCredentialClient(auth.bus, { now });
});
afterEach(async () => {
  client.close();
  await auth.close();
});

const keyOf = async (holder: Principal = ada) => (await client.get('scripted', holder))?.credential.reveal();

function put(key: string, owner: Owner): Promise<string> {
  auth.clock.now += 1;
  return connections.put({
    ...{ provider: 'scripted', owner, key: new Secret(key), label: key, origin: 'stored' },
  });
}

const limit = (connectionId: string, seconds: number, holder: Principal = ada) =>
  client.reportLimit('scripted', { connectionId, seconds }, holder);

describe('a key that its platform wants to be left alone with', () => {
  test('gives way to another one of the same owner until then', async () => {
    await put('sk-ada-1', { kind: 'user', id: 'ada' });
    const newest = await put('sk-ada-2', { kind: 'user', id: 'ada' });
    expect(await keyOf()).toBe('sk-ada-2');

    const hasOther = await limit(newest, 45);
    const meanwhile = await keyOf();
    auth.clock.now += 61_000;
    const later = await keyOf();

    expect([hasOther, meanwhile, later]).toEqual([true, 'sk-ada-1', 'sk-ada-2']);
  });

  test('is used all the same when there is no other: nobody else’s money is spent instead', async () => {
    const id = await put('sk-ada-1', { kind: 'user', id: 'ada' });

    const hasOther = await limit(id, 45);

    expect([hasOther, await keyOf(), await keyOf(bob)]).toEqual([false, 'sk-ada-1', 'sk-env-one']);
  });

  test('of the environment gives way to the next one there, and both wait when both are limited', async () => {
    await keyOf();

    const first = await limit('env_scripted_1', 30);
    const meanwhile = await keyOf();
    const second = await limit('env_scripted_2', 30);

    expect([first, meanwhile, second]).toEqual([true, 'sk-env-two', false]);
    await vi.waitFor(async () => expect(await keyOf()).toBe('sk-env-one'));
  });

  test('which was refused, or is another’s, is nothing to go to', async () => {
    const refused = await put('sk-dead', { kind: 'user', id: 'ada' });
    await client.report('scripted', refused, ada);
    const own = await put('sk-ada-1', { kind: 'user', id: 'ada' });
    await put('sk-bob-1', { kind: 'user', id: 'bob' });

    expect(await limit(own, 30)).toBe(false);
    expect(await limit(own, 600, bob)).toBe(false);
    const { connections: listed } = await auth.bus.call(listConnections, {}, { principal: ada });
    const until = listed.find(({ connection_id: id }) => id === own)?.limited_until;
    expect(until).toBe(new Date(auth.clock.now + 30_000).toISOString());
  });

  test('is shown in get_account until then', async () => {
    const id = await put('sk-ada-1', { kind: 'user', id: 'ada' });
    auth.answer(listProviders, async () => ({
      providers: [
        {
          ...{ slug: 'scripted', title: 'Scripted', ready: true, models: 1 },
          ...{ stale: false, capabilities: [] },
        },
      ],
    }));
    const shown = async () => {
      const reply = await auth.bus.callTool(
        canonicalTool(getAccount),
        { sections: ['providers'] },
        { principal: ada },
      );
      return JSON.parse(reply).structuredContent.providers[0].connections;
    };

    await limit(id, 45);
    const limited = await shown();
    auth.clock.now += 46_000;

    const until = new Date(auth.clock.now - 1_000).toISOString();
    expect(limited).toEqual([
      { label: 'sk-ada-1', owner: 'user', key_ok: true, limited_until: until },
      { label: 'deployment', owner: 'deployment', key_ok: true },
      { label: 'deployment', owner: 'deployment', key_ok: true },
    ]);
    expect((await shown())[0]).toEqual({ label: 'sk-ada-1', owner: 'user', key_ok: true });
  });
});
