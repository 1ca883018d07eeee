import { Secret } from '@inferry/contracts';
import type { Provider } from '@inferry/providers';
import { describe, expect, it } from 'vitest';
import { createHookToken, createHookUrls, type HookSettings, readHookToken } from './hook-urls.ts';

const secret = new Secret('a'.repeat(43));
const claims = { runId: 'run_0123456789abcdefABCDEF', provider: 'a.b/c', expiresAt: 2_000_000_000_000 };
const now = 1_999_999_999_000;

describe('a hook token', () => {
  it('says what it was made for, to whoever has the same secret', () => {
    const token = createHookToken(claims, secret);

    expect(token).toMatch(/^[\w.%-]+$/);
    expect(readHookToken(token, secret, now)).toEqual(claims);
  });

  it('is worth nothing when it is over, or under another secret', () => {
    const token = createHookToken(claims, secret);

    expect(readHookToken(token, secret, claims.expiresAt)).toBeUndefined();
    expect(readHookToken(token, new Secret('b'.repeat(43)), now)).toBeUndefined();
  });

  it('is worth nothing with any one character changed, added or left out', () => {
    const token = createHookToken(claims, secret);
    const forgeries = [...token].flatMap((character, at) => [
      token.slice(0, at) + (character === 'a' ? 'b' : 'a') + token.slice(at + 1),
      token.slice(0, at) + token.slice(at + 1),
      `${token.slice(0, at)}.${token.slice(at)}`,
    ]);

    const taken = [...forgeries, `${token}=`, `${token}.`, '', '....', 'x'.repeat(5_000)].filter(
      (forgery) => readHookToken(forgery, secret, now) !== undefined,
    );

    expect(taken).toEqual([]);
  });
});

describe('the address for a platform', () => {
  const run = { run_id: claims.runId, deadline_at: now };
  // as: the two fields that matter here.
  const provider = { slug: 'fal', readWebhook: async () => ({ outcome: 'ignored' }) } as unknown as Provider;
  const urlFrom = (settings: Partial<HookSettings>, to = provider) =>
    createHookUrls({ publicUrl: 'https://ai.example.com', mode: 'auto', secret, ...settings })(run, to);

  it('outlives the run, for deliveries that come late', () => {
    const token = urlFrom({})?.split('/hooks/v1/')[1] ?? '';

    expect(readHookToken(token, secret, now + 2 * 3_600_000)).toMatchObject({
      runId: claims.runId,
      provider: 'fal',
    });
    expect(readHookToken(token, secret, now + 4 * 3_600_000)).toBeUndefined();
  });

  it.each([undefined, 'http://localhost:8080', 'http://127.0.0.1', 'http://10.1.2.3', 'http://box.local'])(
    'is not given out when we are at %s, unless the operator says so',
    (publicUrl) => {
      expect(urlFrom({ publicUrl })).toBeUndefined();
      expect(urlFrom({ publicUrl, mode: 'on' }) === undefined).toBe(publicUrl === undefined);
    },
  );

  it('is not given to a platform that reports nothing, nor when webhooks are off or there is no secret', () => {
    const { readWebhook: _, ...silent } = provider;

    expect(urlFrom({}, silent)).toBeUndefined();
    expect(urlFrom({ mode: 'off' })).toBeUndefined();
    expect(urlFrom({ secret: undefined })).toBeUndefined();
  });
});
