// Types, lint and format, unit tests: what must be green before a commit.
import { failedStaticChecks, run } from './rings.ts';

const failed = failedStaticChecks();
console.log('\n== unit tests');
if (!run('vitest', ['run', '--project', 'unit'])) failed.push('unit tests');
console.log(failed.length === 0 ? '\ncheck: all green' : `\ncheck: failed: ${failed.join(', ')}`);
process.exit(failed.length === 0 ? 0 : 1);
