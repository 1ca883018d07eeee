import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

export const root: string = join(import.meta.dirname, '..');

/** Runs a development tool of this repository in the foreground; true when it ended well. */
export function run(tool: 'tsc' | 'biome' | 'vitest', parameters: readonly string[]): boolean {
  const file = join(root, 'node_modules', '.bin', tool);
  return (
    spawnSync(file, parameters, { cwd: root, stdio: 'inherit', shell: process.platform === 'win32' })
      .status === 0
  );
}

/** Types, lint and format: titles of the rings that failed. Every ring runs even when one fails. */
export function failedStaticChecks(): string[] {
  const rings: [string, () => boolean][] = [
    ['types', () => run('tsc', ['-p', 'tsconfig.json'])],
    ['types of what runs in browsers', () => run('tsc', ['-p', 'libs/run-view/tsconfig.json'])],
    ['lint and format', () => run('biome', ['check', '--error-on-warnings', '.'])],
  ];
  return rings.flatMap(([title, check]) => {
    console.log(`\n== ${title}`);
    return check() ? [] : [title];
  });
}
