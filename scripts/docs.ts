// Writes docs/tools.md from the contracts; with --check, fails when it is out of date.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tools } from '@inferry/contracts';
import { toolsPage } from './tools-page.ts';

const file = join(import.meta.dirname, '..', 'docs', 'tools.md');
const page = toolsPage(tools);
if (!process.argv.includes('--check')) writeFileSync(file, page);
else if (readFileSync(file, 'utf8') !== page) {
  console.error('docs/tools.md is out of date: npm run docs');
  process.exit(1);
}
