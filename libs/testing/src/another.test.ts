import { expect, it } from 'vitest';
import { another } from './another.ts';

it.each(['A', 'B', '_'])('is never the character %s itself', (character) => {
  expect(another(character)).not.toBe(character);
});
