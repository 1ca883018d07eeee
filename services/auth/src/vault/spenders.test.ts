import { localPrincipal, type Principal, publicPrincipal, Secret } from '@inferry/contracts';
import { createCredentialClient } from '@inferry/credentials';
import { insertAccount, updateAccount } from '@inferry/database/accounts';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { admit, createLocalAccount } from '../identity/accounts.ts';
import { createKey } from '../keys/keys.ts';
import { type AuthUnderTest, openAuth } from '../testing/open-auth.ts';
import { scriptKeys } from '../testing/scripted-keys.ts';
import { type Spender, type SpendingRules, spenders, standingOf } from './connections.ts';
import { readEnvironmentKeys } from './environment-keys.ts';

let auth: AuthUnderTest;
beforeEach(async () => {
  auth = await openAuth();
});
afterEach(() => auth.close());

const password = 'correct horse battery';
const byDefault: SpendingRules = {
  spenders: new Set(['local', 'keys', 'accounts']),
  free: new Set(['local']),
  canSignUp: true,
};
const noVault = { put: async () => undefined };

/** A caller of each kind, as a run remembers them. */
const callers: Record<Spender, () => Promise<Pick<Principal, 'subject' | 'grant_id'>>> = {
  local: async () => localPrincipal,
  async keys() {
    const { subject, keyId } = await createKey(auth.database, { name: 'laptop' });
    return { subject, grant_id: keyId };
  },
  async accounts() {
    const { subject } = await createLocalAccount(auth.database, { userName: 'ada', password });
    return { subject, grant_id: 'grant_1' };
  },
  async 'sign-up'() {
    const wanted = { userName: 'eve', password, madeBy: 'self' } as const;
    const { subject } = await createLocalAccount(auth.database, wanted);
    const { keyId } = await createKey(auth.database, { name: 'k', subject, madeBy: 'account' });
    return { subject, grant_id: keyId };
  },
  oidc: () => signedIn('oidc'),
  apikey: () => signedIn('apikey'),
  handoff: () => signedIn('handoff'),
  passthrough: async () => ({ subject: 'key:abc', grant_id: 'pt_abc' }),
};

async function signedIn(driver: 'oidc' | 'apikey' | 'handoff') {
  const deps = { database: auth.database, vault: noVault, now: () => auth.clock.now };
  const account = await admit(deps, { driver, externalId: `${driver}-1`, display: 'Somebody' });
  return { subject: account?.subject ?? '', grant_id: 'grant_1' };
}

describe('who may spend the keys of the deployment', () => {
  test('never whoever reads what is told to everybody, whatever the rules are', async () => {
    const everybody: SpendingRules = { ...byDefault, spenders: new Set(spenders) };

    expect(await standingOf(auth.database.queries, everybody, publicPrincipal)).toEqual({
      mayUseDeployment: false,
      isBound: false,
    });
  });

  test.each(spenders)('by default and by name: %s', async (spender) => {
    const caller = await callers[spender]();
    const standing = (rules: SpendingRules) => standingOf(auth.database.queries, rules, caller);

    const usual = await standing(byDefault);
    const named = await standing({ ...byDefault, spenders: new Set([spender]) });
    const others = await standing({
      ...byDefault,
      spenders: new Set(spenders.filter((other) => other !== spender)),
    });

    expect(usual.mayUseDeployment).toBe(['local', 'keys', 'accounts'].includes(spender));
    expect(usual.isBound).toBe(['apikey', 'handoff', 'passthrough'].includes(spender));
    expect(named).toEqual({ mayUseDeployment: true, isBound: false });
    expect(others.mayUseDeployment).toBe(false);
  });

  test('a key that the operator made for an account of its own making opens what the operator meant', async () => {
    const { subject } = await callers['sign-up']();
    const { keyId } = await createKey(auth.database, { name: 'granted', subject });

    const standing = await standingOf(auth.database.queries, byDefault, { subject, grant_id: keyId });

    expect(standing.mayUseDeployment).toBe(true);
  });

  test('the key of one subject says nothing about another', async () => {
    const { grant_id: keyId } = await callers.keys();

    const standing = await standingOf(auth.database.queries, byDefault, {
      subject: 'key:abc',
      grant_id: keyId,
    });

    expect(standing).toEqual({ mayUseDeployment: false, isBound: true });
  });

  test('an account of which nobody knows who made it is the operator’s only where nobody else makes any', async () => {
    const row = { account_id: 'acct_old', driver: 'local', external_id: 'old', display: 'Old' };
    const times = { password_hash: null, created_at: 1, seen_at: null, disabled_at: null, made_by: null };
    await insertAccount(auth.database.queries, { ...row, ...times });
    const of = (canSignUp: boolean) =>
      standingOf(auth.database.queries, { ...byDefault, canSignUp }, { subject: 'acct_old', grant_id: 'g' });

    expect([(await of(true)).mayUseDeployment, (await of(false)).mayUseDeployment]).toEqual([false, true]);
    await updateAccount(auth.database.queries, 'acct_old', { made_by: 'operator' });
    expect((await of(true)).mayUseDeployment).toBe(true);
  });
});

describe('the vault', () => {
  test('keeps the keys of two platforms of one kind apart, for whoever asks', async () => {
    await auth.close();
    const env = {
      ...{ PROVIDERS: 'replicate,rep2:replicate' },
      ...{ REPLICATE_API_TOKEN: 'r8_first', REP2_API_KEY: 'r8_second' },
    };
    const slugs = ['replicate', 'rep2'];
    auth = await openAuth({
      providers: slugs.map((slug) => scriptKeys(slug, slug).provider),
      environmentKeys: readEnvironmentKeys(env, slugs),
    });
    const client = createCredentialClient(auth.bus, { now: () => auth.clock.now });
    const keysOf = async (holder: { subject: string; grant_id: string }) => {
      const found = await Promise.all(slugs.map((slug) => client.get(slug, holder)));
      const crossed = await client.get('rep2', holder, { connectionId: 'env_replicate_1' });
      return [...found, crossed].map((key) => key?.credential.reveal());
    };

    expect(await keysOf(await callers.keys())).toEqual(['r8_first', 'r8_second', undefined]);
    expect(await keysOf(await callers.passthrough())).toEqual([undefined, undefined, undefined]);
    expect(await keysOf(await callers['sign-up']())).toEqual([undefined, undefined, undefined]);
    client.close();
  });

  test('opens the deployment’s key for those alone who may spend it, however they ask', async () => {
    await auth.close();
    const keys = scriptKeys('scripted', 'Scripted');
    const key = {
      provider: 'scripted',
      connectionId: 'env_scripted_1',
      label: 'X',
      key: new Secret('sk-all'),
    };
    auth = await openAuth({ providers: [keys.provider], environmentKeys: [key] });
    const client = createCredentialClient(auth.bus, { now: () => auth.clock.now });
    const get = (holder: { subject: string; grant_id: string }, connectionId?: string) =>
      client.get('scripted', holder, { connectionId });

    const stranger = await callers['sign-up']();
    const brought = await callers.passthrough();
    const laptop = await callers.keys();

    expect(await get(stranger)).toBeUndefined();
    expect(await get(stranger, 'env_scripted_1')).toBeUndefined();
    expect(await get(brought)).toBeUndefined();
    expect(await get(brought, 'env_scripted_1')).toBeUndefined();
    expect((await get(laptop))?.credential.reveal()).toBe('sk-all');
    client.close();
  });
});
