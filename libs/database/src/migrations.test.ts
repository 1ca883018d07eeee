import { expect, it } from 'vitest';
import { migrations } from './migrations.ts';

/** What old code need not know of: a table, an index that refuses nothing, a column that has a value without it. */
const additions = [
  /^create table /i,
  /^create index /i,
  /^alter table \w+ add column (?!.* not null)/i,
  /^alter table \w+ add column .* not null default /i,
];

it('say of each addition that older releases can live with it', () => {
  const [first] = migrations;
  const silent = migrations.slice(1).filter(({ up, oldest }) => {
    const statements = [...up('postgres'), ...up('sqlite')].map((text) => text.trim());
    return oldest === undefined && statements.every((text) => additions.some((form) => form.test(text)));
  });

  expect(silent.map(({ id }) => id)).toEqual([]);
  expect(migrations.every(({ oldest = first?.id }) => migrations.some(({ id }) => id === oldest))).toBe(true);
});
