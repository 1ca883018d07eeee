import { expect, it, vi } from 'vitest';
import { Gate } from './gate.ts';

const never = new AbortController().signal;
const gateOf = (turnMs?: number) =>
  new Gate({
    ...{ what: 'pictures', atOnce: 1, waiting: 8, atOnceEach: 1, waitingEach: 4 },
    ...(turnMs === undefined ? {} : { turnMs }),
  });

/** Work that only its signal ends. */
function endless(begun: () => void) {
  return (signal: AbortSignal) =>
    new Promise<never>((_resolve, reject) => {
      begun();
      signal.addEventListener('abort', () => reject(new Error('stopped')), { once: true });
    });
}

it('does not let a tenant with slow work keep another one waiting', async () => {
  const gate = gateOf(20);
  const begun = vi.fn();
  const leave = new AbortController();
  const slow = gate.run('ada', leave.signal, endless(begun));
  slow.catch(() => undefined);
  await vi.waitFor(() => expect(begun).toHaveBeenCalledTimes(1));

  expect(await gate.run('bob', never, async () => 'seen')).toBe('seen');

  await vi.waitFor(() => expect(begun).toHaveBeenCalledTimes(2));
  leave.abort();
  await expect(slow).rejects.toThrow('stopped');
  expect(await gate.run('bob', never, async () => 'seen')).toBe('seen');
});

it('says that it is busy to who had three turns while others waited', async () => {
  const gate = gateOf(10);
  const begun = vi.fn();
  const slow = gate.run('ada', never, endless(begun));
  slow.catch(() => undefined);

  for (let turn = 1; turn <= 3; turn++) {
    await vi.waitFor(() => expect(begun).toHaveBeenCalledTimes(turn));
    await gate.run('bob', never, async () => 'seen');
  }

  await expect(slow).rejects.toMatchObject({ code: 'busy', retryAfterSeconds: 10 });
});

it('stops nothing for the same tenant, nor where work has no turns', async () => {
  const cases = [
    { gate: gateOf(1), waiting: 'ada' },
    { gate: gateOf(), waiting: 'bob' },
  ];
  for (const { gate, waiting } of cases) {
    const { promise, resolve } = Promise.withResolvers<string>();
    const first = gate.run('ada', never, () => promise);
    const next = gate.run(waiting, never, async () => 'next');
    await new Promise((done) => setTimeout(done, 20));

    resolve('whole');

    expect(await Promise.all([first, next])).toEqual(['whole', 'next']);
  }
});
