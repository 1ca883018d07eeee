import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { adapters } from '@inferry/providers';
import { expect, it } from 'vitest';
import { providersPage } from '../scripts/providers-page.ts';

it('docs/providers.md is what the adapters say', () => {
  const page = readFileSync(join(import.meta.dirname, '..', 'docs', 'providers.md'), 'utf8');

  expect(page).toBe(providersPage(adapters));
});
