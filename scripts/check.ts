// Types, lint and format, unit tests: what must be green before a commit. Every ring runs even when one fails.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const bin = (name: string) => join(root, 'node_modules', '.bin', name);
const rings: [string, string, string[]][] = [
  ['types', bin('tsc'), ['-p', 'tsconfig.json']],
  ['lint and format', bin('biome'), ['check', '--error-on-warnings', '.']],
  ['unit tests', bin('vitest'), ['run', '--project', 'unit']],
];

const failed = rings.filter(([title, file, parameters]) => {
  console.log(`\n== ${title}`);
  return (
    spawnSync(file, parameters, { cwd: root, stdio: 'inherit', shell: process.platform === 'win32' })
      .status !== 0
  );
});
console.log(
  failed.length === 0
    ? '\ncheck: all green'
    : `\ncheck: failed: ${failed.map(([title]) => title).join(', ')}`,
);
process.exit(failed.length === 0 ? 0 : 1);
