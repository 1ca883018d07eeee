// npm run bench -- [startup|stdio|calls|search|transfer|gateway|gateways|waits|memory|soak|isolation|infra|accept|active-runs|refresh|tokens|trips|pages ...] [--json] [--quick]
import { parseArgs } from 'node:util';
import type { Bench } from './report.ts';

const benches: Record<string, () => Promise<Bench>> = {
  startup: async () => (await import('./startup.ts')).startup,
  stdio: async () => (await import('./stdio.ts')).stdio,
  calls: async () => (await import('./calls.ts')).calls,
  search: async () => (await import('./search.ts')).search,
  transfer: async () => (await import('./transfer.ts')).transfer,
  gateway: async () => (await import('./gateway.ts')).gateway,
  gateways: async () => (await import('./gateways.ts')).gateways,
  waits: async () => (await import('./waits.ts')).waits,
  memory: async () => (await import('./memory.ts')).memory,
  soak: async () => (await import('./memory.ts')).soak,
  isolation: async () => (await import('./isolation.ts')).isolation,
  infra: async () => (await import('./infra.ts')).infra,
  accept: async () => (await import('./accept.ts')).accept,
  'active-runs': async () => (await import('./active-runs.ts')).activeRuns,
  refresh: async () => (await import('./refresh.ts')).refresh,
  tokens: async () => (await import('./tokens.ts')).tokens,
  trips: async () => (await import('./trips.ts')).measureTrips,
  pages: async () => (await import('./pages.ts')).measurePages,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean', default: false }, quick: { type: 'boolean', default: false } },
});
/** An hour, and packages of others, are for those who ask for them. */
const usual = Object.keys(benches).filter((name) => name !== 'soak' && name !== 'gateways');
const names = positionals.length === 0 ? usual : positionals;
const unknown = names.filter((name) => !Object.hasOwn(benches, name));
if (unknown.length > 0) {
  console.error(`No bench ${unknown.join(', ')}. There are: ${Object.keys(benches).join(', ')}`);
  process.exit(2);
}
const results: Record<string, unknown> = {};
for (const name of names) {
  const bench = await benches[name]?.();
  if (bench === undefined) continue;
  if (!values.json) console.log(`\n== ${name}`);
  const { figures, lines } = await bench({ isQuick: values.quick });
  results[name] = figures;
  if (!values.json) console.log(lines.join('\n'));
}
if (values.json) console.log(JSON.stringify(results, undefined, 2));
