/** Refreshes the vendored list of Runpod's REST operations: `node scripts/fetch-runpod-operations.ts [url]`. */
import { writeFileSync } from 'node:fs';

const url = process.argv[2] ?? 'https://api.runpod.io/v2/openapi.json';
const target = new URL('../services/compute/src/rest-v2-operations.generated.json', import.meta.url);

const response = await fetch(url, { signal: AbortSignal.timeout(30_000) });
if (!response.ok) throw new Error(`${url} answered ${response.status}`);
const { servers, paths } = (await response.json()) as {
  servers?: { url: string }[];
  paths: Record<string, Record<string, { operationId?: string }>>;
};
const verbs = new Set(['get', 'post', 'put', 'patch', 'delete']);
const operations = Object.entries(paths).flatMap(([path, methods]) =>
  Object.entries(methods)
    .filter(([method]) => verbs.has(method))
    .map(([method, { operationId }]) => [method.toUpperCase(), path, operationId ?? '']),
);
if (operations.length < 40)
  throw new Error(`${url} has ${operations.length} operations: that is not the API`);
const lines = operations.map((operation) => JSON.stringify(operation)).join(',\n');
writeFileSync(target, `{"server":${JSON.stringify(servers?.[0]?.url ?? url)},"operations":[\n${lines}\n]}\n`);
console.log(`${operations.length} operations written`);
