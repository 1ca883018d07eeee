import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openHome } from './home.ts';

let parent: string;
let folder: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'inferry-home-'));
  folder = join(parent, 'inferry');
});
afterEach(() => rmSync(parent, { recursive: true, force: true }));

it('keeps one secret for all starts, readable by its owner only', () => {
  const first = openHome(folder, undefined).secret.reveal();
  const second = openHome(folder, undefined).secret.reveal();

  expect(second).toBe(first);
  expect(first).toHaveLength(64);
  expect(statSync(join(folder, 'secret')).mode & 0o077).toBe(0);
  expect(statSync(folder).mode & 0o077).toBe(0);
});

it('takes a configured secret and writes none', () => {
  expect(openHome(folder, 'configured').secret.reveal()).toBe('configured');
  expect(() => statSync(join(folder, 'secret'))).toThrow();
});
