import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createCursors } from './cursors.ts';

const cursors = createCursors({ place: z.tuple([z.number(), z.string()]), of: 'list' });
const query = ['ada', { status: 'failed' }];
const good = cursors.write(query, [7, 'run_1']);
const forged = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

describe('a cursor', () => {
  it('leads back to its place', () => {
    expect(cursors.read(query, good)).toEqual([7, 'run_1']);
  });

  it.each([
    ['another query', good, ['ada', { status: 'expired' }]],
    ['another person', good, ['bob', { status: 'failed' }]],
    ['nothing', '', query],
    ['no JSON', 'AAAA', query],
    ['another place', forged({ ...JSON.parse(atob(good)), at: ['run_1', 7] }), query],
    ['a later form', forged({ ...JSON.parse(atob(good)), v: 2 }), query],
    ['a great length', `${good}${'A'.repeat(5_000)}`, query],
  ])('is refused for %s', (_what, cursor, asked) => {
    const reading = () => cursors.read(asked, cursor);

    expect(reading).toThrow('This cursor is not of this list.');
    expect(reading).toThrow(expect.objectContaining({ code: 'invalid_cursor' }));
  });
});
