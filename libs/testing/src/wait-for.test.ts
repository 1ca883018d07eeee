import { expect, it } from 'vitest';
import { waitFor } from './wait-for.ts';

it('returns what the fact returned once it is truthy', async () => {
  let looks = 0;

  const value = await waitFor(() => (++looks === 3 ? 'there' : undefined), { everyMs: 1 });

  expect(value).toBe('there');
});

it('says what it waited for and why the last look failed', async () => {
  const waiting = waitFor(() => Promise.reject(new Error('not yet')), {
    timeoutMs: 5,
    everyMs: 1,
    what: 'rain',
  });

  await expect(waiting).rejects.toThrow('Waited 5 ms in vain for rain. Last: not yet');
});
