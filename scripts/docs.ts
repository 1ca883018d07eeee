// Writes the pages that follow from the contracts, the adapters and the titles of the tests; with --check, fails when one
// is out of date.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inferry } from '@inferry/profiles';
import { adapters } from '@inferry/providers';
import { acceptancePage, readCitations, readPromises, shortenNotYet } from './acceptance-page.ts';
import { chartFiles } from './chart-files.ts';
import { dashboardFiles } from './dashboards.ts';
import { errorsPage } from './errors-page.ts';
import { composeNatsConfig } from './nats-config.ts';
import { providersPage } from './providers-page.ts';
import { quickConnectPage } from './quick-connect-page.ts';
import { marketplaceJson, serverJson } from './registry.ts';
import { toolsPage } from './tools-page.ts';

const tests = readCitations();
const pages = {
  'docs/acceptance.md': acceptancePage(readPromises(), tests),
  'docs/errors.md': errorsPage(),
  'docs/tools.md': toolsPage(inferry.tools),
  'docs/providers.md': providersPage(adapters),
  'deploy/nats/nats.conf': composeNatsConfig(),
  'docs/quick-connect.md': quickConnectPage(),
  'server.json': serverJson(),
  '.claude-plugin/marketplace.json': marketplaceJson(),
  ...chartFiles(),
  ...dashboardFiles(),
};
if (!process.argv.includes('--check')) shortenNotYet(tests);
for (const [name, page] of Object.entries(pages)) {
  const file = join(import.meta.dirname, '..', name);
  if (!process.argv.includes('--check')) writeFileSync(file, page);
  else if (readFileSync(file, 'utf8') !== page) {
    console.error(`${name} is out of date: npm run docs`);
    process.exitCode = 1;
  }
}
