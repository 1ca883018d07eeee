import { expect, it } from 'vitest';
import { type Member, Roster } from './in-flight.ts';

const member = (name: string): Member & { name: string } => ({ name, place: -1 });

it('has who came and not who left, in whichever order they leave', () => {
  const roster = new Roster<Member & { name: string }>();
  const [ada, ben, cem] = [member('ada'), member('ben'), member('cem')];
  for (const one of [ada, ben, cem]) roster.add(one);

  expect(roster.delete(ada)).toBe(true);
  expect(roster.delete(ada)).toBe(false);
  expect(roster.delete(cem)).toBe(true);

  expect(roster.snapshot()).toEqual([ben]);
  expect(roster.size).toBe(1);
  expect(roster.delete(ben)).toBe(true);
  expect(roster.snapshot()).toEqual([]);
});

it('lets members leave while they are read', () => {
  const roster = new Roster<Member & { name: string }>();
  for (const name of ['ada', 'ben', 'cem']) roster.add(member(name));

  for (const one of roster.snapshot()) roster.delete(one);

  expect(roster.size).toBe(0);
});
