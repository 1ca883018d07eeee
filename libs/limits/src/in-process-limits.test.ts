import { expect, it } from 'vitest';
import { describeLimits } from './contract-suite.ts';
import { createInProcessLimits } from './in-process-limits.ts';

describeLimits('this process', async (now) => createInProcessLimits({ now }));

it('forgets windows that nobody asks for any more', async () => {
  let now = 0;
  const limits = createInProcessLimits({ now: () => now });
  for (let index = 0; index < 1_000; index += 1) {
    await limits.hit({ key: `once ${index}`, rule: { limit: 5, windowMs: 1_000 } });
  }

  now = 1_000;
  for (let index = 0; index < 1_000; index += 1) {
    await limits.hit({ key: 'often', rule: { limit: 5_000, windowMs: 1_000 } });
  }

  expect(limits.size).toBe(1);
});

it('holds no more windows than it may', async () => {
  const limits = createInProcessLimits({ now: () => 0, maxKeys: 100 });

  for (let index = 0; index < 1_000; index += 1) {
    await limits.hit({ key: `key ${index}`, rule: { limit: 5, windowMs: 1_000 } });
  }

  expect(limits.size).toBe(100);
});

it('refuses a lock with busy when too many are held, and drops those that ended first', async () => {
  let now = 0;
  const limits = createInProcessLimits({ now: () => now, maxKeys: 2 });
  await limits.acquire('a', 10);
  await limits.acquire('b', 1_000);

  await expect(limits.acquire('c', 10)).rejects.toMatchObject({ code: 'busy' });
  now = 10;

  expect(await limits.acquire('c', 10)).toBeDefined();
});
