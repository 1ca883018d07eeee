import fc from 'fast-check';
import { expect, it } from 'vitest';
import { CallTable } from './call-table.ts';

it('finds what was added by its number, and nothing after it was taken out', () => {
  const table = new CallTable<string>();
  const first = table.add('first') ?? -1;
  const second = table.add('second') ?? -1;

  table.delete(first);

  expect(table.get(first)).toBeUndefined();
  expect(table.get(second)).toBe('second');
  expect([...table.values()]).toEqual(['second']);
  expect(table.size).toBe(1);
});

it('gives no number twice, so that a late answer never meets another call', () => {
  const table = new CallTable<number>();
  const seen = new Set<number | undefined>();
  for (let index = 0; index < 1_000; index += 1) {
    const number = table.add(index) ?? -1;
    seen.add(number);
    table.delete(number);
    table.delete(number);
  }

  expect(seen.size).toBe(1_000);
  expect(table.size).toBe(0);
});

it('holds what a map would hold, whatever comes and goes', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.nat(20), { nil: undefined })), (steps) => {
      const table = new CallTable<number>();
      const open = new Map<number, number>();
      for (const [index, taken] of steps.entries()) {
        const number = [...open.keys()][taken ?? -1];
        if (number === undefined) open.set(table.add(index) ?? -1, index);
        else {
          table.delete(number);
          open.delete(number);
        }
      }
      expect([...table.values()].sort()).toEqual([...open.values()].sort());
      for (const [number, value] of open) expect(table.get(number)).toBe(value);
    }),
  );
});
