import type { Env } from '@inferry/runtime';
import { describe, expect, it } from 'vitest';
import { openSignIn } from '../testing/open-sign-in.ts';
import { scriptKeys } from '../testing/scripted-keys.ts';

const handoff = {
  AUTH_DRIVERS: 'handoff',
  HANDOFF_PROVIDER: 'runpod',
  HANDOFF_CONSOLE_URL: 'https://console.example',
  HANDOFF_REQUEST_URL: 'https://api.example/requests',
  HANDOFF_CLAIM_URL: 'https://api.example/claims',
};

describe('the ways to sign in', () => {
  it.each<[string, Env, string]>([
    ['a key driver where no key can be stored', { AUTH_DRIVERS: 'apikey' }, 'needs AUTH_KEKS'],
    ['a console where no key can be stored', handoff, 'needs AUTH_KEKS'],
    ['a provider that is not there', { AUTH_KEY_PROVIDERS: 'nobody' }, 'AUTH_KEY_PROVIDERS: nobody'],
  ])('refuse to start with %s', async (_what, env, problem) => {
    const { provider } = scriptKeys('runware', 'Runware');

    await expect(openSignIn({ env, providers: [provider], hasVault: false })).rejects.toThrow(problem);
  });

  it('refuse to start with keys of no provider', async () => {
    await expect(openSignIn({ env: { AUTH_DRIVERS: 'apikey' } })).rejects.toThrow('apikey needs a provider');
  });
});
