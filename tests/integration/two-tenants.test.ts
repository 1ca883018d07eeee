import { createKey } from '@inferry/auth';
import type { Cluster } from '@inferry/cli';
import { type Database, openDatabase } from '@inferry/database';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callTool, runOf } from './support/mcp-http.ts';
import { type ScriptedCluster, startScriptedCluster, unlimited } from './support/scripted-cluster.ts';

type Tenant = 'ada' | 'eve';
interface Step {
  who: Tenant;
  tool: string;
  /** Whose ids are named in it. */
  about: Tenant | 'nobody';
  pick: number;
}

/** What a tenant has that nobody else may learn. */
interface Belongings {
  key: string;
  runIds: string[];
  assetIds: string[];
  /** How often each tool answered without an error: a property of refusals alone would say little. */
  answered: Map<string, number>;
  /** Texts that stand in their inputs, outputs, references and metadata. */
  marks: string[];
}

let scripted: ScriptedCluster;
let cluster: Cluster;
let database: Database;
let tenants: Record<Tenant, Belongings>;
let counter = 0;

beforeAll(async () => {
  scripted = await startScriptedCluster({ replicas: 1, auth: 'keys', env: unlimited });
  ({ cluster } = scripted);
  database = openDatabase({ url: String(cluster.env.DATABASE_URL) });
  tenants = { ada: await newTenant('tenant-ada'), eve: await newTenant('tenant-eve') };
}, 180_000);

afterAll(async () => {
  await database?.close();
  await scripted?.stop();
}, 60_000);

async function newTenant(subject: string): Promise<Belongings> {
  const { key } = await createKey(database, { name: subject, subject, scopes: ['mcp'] });
  return { key: key.reveal(), runIds: [], assetIds: [], marks: [subject], answered: new Map() };
}

const unknownRun = 'run_AAAAAAAAAAAAAAAAAAAAAA';
const unknownAsset = 'asset_AAAAAAAAAAAAAAAAAAAAAA';

/** The arguments of one step; what it makes is marked as its caller's. */
function argumentsOf({ who, tool, about, pick }: Step): Record<string, unknown> {
  const own = tenants[who];
  const named = about === 'nobody' ? undefined : tenants[about];
  const runId = named?.runIds[pick % Math.max(1, named.runIds.length)] ?? unknownRun;
  const assetId = named?.assetIds[pick % Math.max(1, named.assetIds.length)] ?? unknownAsset;
  switch (tool) {
    case 'run_model': {
      const mark = `${who}-mark-${++counter}`;
      own.marks.push(mark);
      const input = { text: mark, duration_ms: pick % 3 === 0 ? 200 : 0 };
      // Both tenants use the same references: neither may meet the other's run by one.
      const args = { model: 'scripted/job', input, metadata: { mark }, wait_seconds: pick % 2 };
      return pick % 4 === 0 ? { ...args, client_ref: `shared-${pick}` } : args;
    }
    case 'create_upload':
      return { file_name: `${who}-${++counter}.txt`, content_type: 'text/plain', size: 3 };
    case 'list_runs':
      return { limit: 50 };
    case 'get_account':
      return { sections: ['identity', 'providers', 'balance', 'usage', 'budgets', 'limits'] };
    case 'view_output':
      return pick % 2 === 0 ? { asset_id: assetId } : { run_id: runId };
    case 'cancel_run':
      return { run_id: runId };
    default:
      return { run_id: runId, include: ['input', 'outputs', 'events'] };
  }
}

async function take(step: Step): Promise<void> {
  const args = argumentsOf(step);
  const own = tenants[step.who];
  const other = tenants[step.who === 'ada' ? 'eve' : 'ada'];
  const outcome = await callTool(cluster.url, { tool: step.tool, args, timeoutMs: 30_000, key: own.key });
  const said = JSON.stringify(args);
  const heard = JSON.stringify(outcome.structured);

  // What the caller named itself may be repeated; nothing else of the other one may be there.
  const leaked = [...other.runIds, ...other.assetIds, ...other.marks, other.key].filter(
    (text) => heard.includes(text) && !said.includes(text),
  );
  expect({ step, leaked }).toEqual({ step, leaked: [] });

  if (!outcome.isError) own.answered.set(step.tool, (own.answered.get(step.tool) ?? 0) + 1);
  remember(own.runIds, heard.match(/run_[\w-]{22}/g), said);
  remember(own.assetIds, heard.match(/asset_[\w-]{22}/g), said);
}

function remember(ids: string[], found: readonly string[] | null, said: string): void {
  for (const id of found ?? []) if (!said.includes(id) && !ids.includes(id)) ids.push(id);
}

const tools = [
  ...['run_model', 'get_run', 'list_runs', 'cancel_run', 'view_output', 'create_upload', 'get_account'],
];
const step: fc.Arbitrary<Step> = fc.record({
  who: fc.constantFrom('ada', 'eve'),
  tool: fc.constantFrom(...tools, 'run_model', 'get_run'),
  about: fc.constantFrom('ada', 'eve', 'nobody'),
  pick: fc.nat(40),
});

describe('two tenants of one deployment', () => {
  it('learn nothing of each other by any sequence of calls', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 14 }), async (steps) => {
        for (const one of steps) await take(one);
      }),
      { numRuns: 20, endOnFailure: true },
    );

    const answered = new Set([...tenants.ada.answered.keys(), ...tenants.eve.answered.keys()]);
    expect([...answered].sort()).toEqual([...new Set(tools)].filter((tool) => tool !== 'view_output').sort());
  }, 120_000);

  it.each(['get_run', 'cancel_run', 'view_output'])(
    'are told the same by %s of the other’s run as of one that never was',
    async (tool) => {
      await take({ who: 'ada', tool: 'run_model', about: 'nobody', pick: 1 });
      const [runId = ''] = tenants.ada.runIds;
      const ask = (id: string) =>
        callTool(cluster.url, { tool, args: { run_id: id }, timeoutMs: 15_000, key: tenants.eve.key });

      const [others, nobodys] = [await ask(runId), await ask(unknownRun)];

      expect(others.isError).toBe(true);
      expect(JSON.stringify(others.structured).replaceAll(runId, '·')).toBe(
        JSON.stringify(nobodys.structured).replaceAll(unknownRun, '·'),
      );
    },
  );

  it('do not wait behind a long queue of one another', async () => {
    const { upstream } = scripted;
    const start = async ({ key }: Belongings): Promise<string> => {
      const args = { model: 'scripted/job', input: { accept_ms: 8_000 }, wait_seconds: 0 };
      const outcome = await callTool(cluster.url, { tool: 'run_model', args, timeoutMs: 100_000, key });
      return runOf(outcome)?.run_id ?? 'missing';
    };
    const queue = await Promise.all(Array.from({ length: 300 }, () => start(tenants.ada)));
    const sentBefore = upstream.submissions().size;

    const run = await start(tenants.eve);

    await expect.poll(() => upstream.submissions().has(run), { timeout: 100_000 }).toBe(true);
    const sent = [...upstream.submissions().keys()];
    // Counted in runs and not in seconds: in turn it would have been the last of them.
    expect(sent.indexOf(run) - sentBefore).toBeLessThan(100);
    expect(queue.filter((other) => !sent.slice(0, sent.indexOf(run)).includes(other)).length).toBeGreaterThan(
      100,
    );
  }, 180_000);
});
