import { expect, it } from 'vitest';
import { WriteLock } from './write-lock.ts';

it('is passed on in the order of asking', async () => {
  const lock = new WriteLock({ waitMs: 1_000, maxWaiting: 10 });
  const order: number[] = [];
  const unlock = await lock.acquire();
  const others = [1, 2, 3].map(async (number) => {
    const free = await lock.acquire();
    order.push(number);
    free();
  });

  unlock();
  await Promise.all(others);

  expect(order).toEqual([1, 2, 3]);
});

it('is not overtaken by somebody who asks while it is being passed on', async () => {
  const lock = new WriteLock({ waitMs: 1_000, maxWaiting: 10 });
  const order: string[] = [];
  const take = async (name: string) => {
    const free = await lock.acquire();
    order.push(name);
    return free;
  };
  const unlock = await lock.acquire();
  const waiting = take('waited');

  unlock();
  const late = take('came late');
  (await waiting)();
  (await late)();

  expect(order).toEqual(['waited', 'came late']);
});

it('rejects with unavailable when its turn does not come in time', async () => {
  const lock = new WriteLock({ waitMs: 10, maxWaiting: 10 });
  await lock.acquire();

  await expect(lock.acquire()).rejects.toMatchObject({ code: 'unavailable' });
});

it('answers busy when too many wait', async () => {
  const lock = new WriteLock({ waitMs: 1_000, maxWaiting: 1 });
  const unlock = await lock.acquire();
  const waiting = lock.acquire();

  await expect(lock.acquire()).rejects.toMatchObject({ code: 'busy', retryAfterSeconds: 1 });

  unlock();
  (await waiting)();
});

it('is free again after an owner that freed it twice', async () => {
  const lock = new WriteLock({ waitMs: 10, maxWaiting: 10 });
  const unlock = await lock.acquire();
  unlock();
  const second = await lock.acquire();

  unlock();

  await expect(lock.acquire()).rejects.toMatchObject({ code: 'unavailable' });
  second();
});
