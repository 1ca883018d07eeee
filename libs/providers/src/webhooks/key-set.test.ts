import { AppError } from '@inferry/contracts';
import { describe, expect, it } from 'vitest';
import { KeySet } from './key-set.ts';

const jwk = { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' };
const signal = AbortSignal.timeout(60_000);
const minute = 60_000;

function publish(answer: () => unknown) {
  let now = 1_000_000_000;
  let reads = 0;
  const set = new KeySet({
    url: 'https://keys.example.com/jwks.json',
    async readJson() {
      reads += 1;
      return answer();
    },
    now: () => now,
  });
  return {
    set,
    reads: () => reads,
    pass(ms: number) {
      now += ms;
    },
  };
}

describe('a key set', () => {
  it('is read once for webhooks that come together, and again after an hour', async () => {
    const { set, reads, pass } = publish(() => ({ keys: [jwk, { kty: 'RSA' }] }));

    const [first] = await Promise.all([set.keys(signal), set.keys(signal), set.keys(signal)]);
    expect(first).toHaveLength(1);
    expect(reads()).toBe(1);

    pass(61 * minute);
    await set.keys(signal);
    expect(reads()).toBe(2);
  });

  it('is read again for a signature that fits none, but not for each forged one', async () => {
    const { set, reads, pass } = publish(() => ({ keys: [jwk] }));
    await set.keys(signal);
    pass(2 * minute);

    for (let forged = 0; forged < 10; forged++) await set.keys(signal, { isUnknown: true });

    expect(reads()).toBe(2);
  });

  it('serves the keys that it has for a day while nobody answers', async () => {
    let isDown = false;
    const { set, pass } = publish(() => {
      if (isDown) throw new AppError('upstream_unavailable', 'down');
      return { keys: [jwk] };
    });
    await set.keys(signal);
    isDown = true;

    pass(23 * 60 * minute);
    expect(await set.keys(signal)).toHaveLength(1);

    pass(2 * 60 * minute);
    await expect(set.keys(signal)).rejects.toMatchObject({ code: 'upstream_unavailable' });
  });

  it.each([[null], [{}], [{ keys: 'all' }], [{ keys: [{ kty: 'RSA' }] }]])(
    'takes nothing from %j',
    async (document) => {
      const { set } = publish(() => document);

      await expect(set.keys(signal)).rejects.toMatchObject({ code: 'upstream_unavailable' });
    },
  );

  it('is never read without encryption', () => {
    expect(() => new KeySet({ url: 'http://keys.example.com/', readJson: async () => ({}) })).toThrow(
      'https',
    );
  });
});
