import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { adapters } from '../adapters.ts';
import { readVectors } from './vector.ts';

const folder = join(import.meta.dirname, '..', '..', 'vectors');
const platforms = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());

it.each(platforms.map(({ name }) => name))(
  'every vector of %s is of the format, and of an adapter',
  (name) => {
    expect(adapters.map(({ slug }) => slug)).toContain(name);
    expect(readVectors(name).map(({ upstream }) => upstream)).toEqual(readVectors(name).map(() => name));
  },
);

it('no vector holds a key', () => {
  const texts = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.json'))
    .map((file) => readFileSync(join(folder, file), 'utf8'));

  const keyLike = /\b(?:rf_(?:live|svc)_|r8_|hf_|rpa_|sk-|whsec_)[A-Za-z0-9_-]{8,}|"authorization"/i;
  expect(texts.filter((text) => keyLike.test(text))).toEqual([]);
});
