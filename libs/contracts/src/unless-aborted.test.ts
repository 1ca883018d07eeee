import { expect, it } from 'vitest';
import { unlessAborted } from './unless-aborted.ts';

const never = new Promise<string>(() => undefined);

it('is the answer of the work where that comes first', async () => {
  await expect(unlessAborted(Promise.resolve('done'), new AbortController().signal)).resolves.toBe('done');
});

it('ends with the reason of the signal, also of one that came before', async () => {
  const controller = new AbortController();
  const wait = unlessAborted(never, controller.signal);

  controller.abort('enough');

  await expect(wait).rejects.toBe('enough');
  await expect(unlessAborted(never, controller.signal)).rejects.toBe('enough');
});

it('says in words of its own why it ended, and leaves a later failure of the work to nobody', async () => {
  const late = Promise.withResolvers<string>();
  const wait = unlessAborted(late.promise, AbortSignal.abort(), () => new Error('too late'));

  await expect(wait).rejects.toThrow('too late');
  late.reject(new Error('nobody hears this'));
});
