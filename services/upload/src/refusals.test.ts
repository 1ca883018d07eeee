// Holds that whoever is refused a file is told what to do about it, by every refusal in the source of this service.
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

/** Nobody reads why a call ended that its caller took back, and services do not refuse each other for anybody to mend. */
const unread = new Set(['cancelled', 'unauthorized']);

test('every refusal says what to do', () => {
  const files = globSync('**/*.ts', { cwd: import.meta.dirname }).filter(
    (file) => !file.endsWith('.test.ts') && file !== 'testing.ts',
  );
  const refusals = files.flatMap((file) => {
    const source = readFileSync(join(import.meta.dirname, file), 'utf8');
    return [...source.matchAll(/new AppError\(\s*'(\w+)'[^;]*?(?:\);|\)\);|\n {4}\}\);)/g)].map(
      ([text = '', code = '']) => ({ code, text }),
    );
  });

  expect(refusals.length).toBeGreaterThan(15);
  const silent = refusals.filter(({ code, text }) => !unread.has(code) && !text.includes('nextAction'));
  expect(silent.map(({ text }) => text)).toEqual([]);
});
