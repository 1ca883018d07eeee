// Subjects with wildcards, as a NATS server reads them.
import { describe, expect, it } from 'vitest';
import { createInProcessTransport } from './in-process-transport.ts';

describe('a pattern of the bus in one process', () => {
  it.each([
    ['a.*', ['a.b'], ['a', 'a.', 'a.b.c', 'ab.c']],
    ['a.>', ['a.b', 'a.b.c'], ['a', 'a.', 'b.a.c']],
    ['a.*.c', ['a.b.c'], ['a.c', 'a.b.d', 'a.b.c.d']],
    ['*.b.>', ['a.b.c', 'x.b.c.d'], ['a.b', 'a.c.b']],
    ['>', ['a', 'a.b'], []],
  ])('%s takes %j and not %j', async (pattern, wanted, others) => {
    const transport = createInProcessTransport();
    const taken: string[] = [];
    transport.subscribe(pattern, ({ subject }) => taken.push(subject));

    for (const subject of [...others, ...wanted]) transport.publish({ subject, data: '' });
    await transport.flush();

    expect(taken).toEqual(wanted);
  });
});
