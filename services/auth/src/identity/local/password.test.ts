import { describe, expect, it } from 'vitest';
import { hashPassword, problemOfPassword, verifyPassword } from './password.ts';

const password = 'correct horse battery';

describe('passwords', () => {
  it('are stored as argon2id, with another salt each time', async () => {
    const [one, two] = await Promise.all([hashPassword(password), hashPassword(password)]);

    expect(one).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
    expect(one).not.toBe(two);
  });

  it('are recognised, and nothing else is', async () => {
    const stored = await hashPassword(password);

    const verdicts = await Promise.all([
      verifyPassword(password, stored),
      verifyPassword(`${password} `, stored),
      verifyPassword('', stored),
      verifyPassword(password, 'not a hash'),
      verifyPassword(password, undefined),
    ]);

    expect(verdicts).toEqual([true, false, false, false, false]);
  });

  it('are the same however their characters were typed', async () => {
    const stored = await hashPassword('caf\u00e9 au lait noir');

    expect(await verifyPassword('cafe\u0301 au lait noir', stored)).toBe(true);
  });

  it('cost the same work without an account as with one', async () => {
    const stored = await hashPassword(password);
    const cost = async (hash: string | undefined): Promise<number> => {
      const before = process.cpuUsage().user;
      for (let turn = 0; turn < 5; turn += 1) await verifyPassword('a wrong password', hash);
      return process.cpuUsage().user - before;
    };
    await cost(stored);

    const [known, unknown] = [await cost(stored), await cost(undefined)];

    expect(unknown / known).toBeGreaterThan(0.4);
    expect(unknown / known).toBeLessThan(2.5);
  });

  it('need twelve characters that are not all the same', () => {
    const problems = ['short', 'x'.repeat(20), 'x'.repeat(300), password].map(problemOfPassword);

    expect(problems).toEqual([
      'The password needs at least 12 characters.',
      'The password repeats itself too much.',
      'The password has at most 256 characters.',
      undefined,
    ]);
  });

  it('are refused when more people sign in than can be waited for', async () => {
    const stored = await hashPassword(password);

    const results = await Promise.allSettled(
      Array.from({ length: 80 }, () => verifyPassword('a wrong password', stored)),
    );

    const refused = results.filter((result) => result.status === 'rejected').map(({ reason }) => reason.code);
    expect(refused).toEqual(Array.from({ length: 80 - 66 }, () => 'busy'));
  }, 60_000);
});
