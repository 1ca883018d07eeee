/** What a run costs, told, held and confirmed over the whole system in one process, by real clients of both eras. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EmbeddedSystem, parseStartConfig, startEmbedded } from '@inferry/cli';
import { isObject, type JsonObject } from '@inferry/contracts';
import { freePort } from '@inferry/testing';
import { type ScriptedUpstream, startScriptedUpstream } from '@inferry/testing/scripted-upstream';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as OldTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';

const info = { name: 'some-agent', version: '1.0.0' };
const capabilities = { elicitation: {} };
const run = { model: 'scripted/job', input: { text: 'x' }, wait_seconds: 0 };

let folder: string;
let upstream: ScriptedUpstream;
let system: EmbeddedSystem;
let url: URL;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'inferry-confirmed-'));
  upstream = await startScriptedUpstream();
  // The scripted provider reads it from the process.
  vi.stubEnv('SCRIPTED_UPSTREAM_URL', upstream.url);
  const env = {
    INFERRY_HOME: folder,
    INFERRY_EXTRA_PROVIDERS: '@inferry/testing/scripted-provider',
    PROVIDERS: 'comfyui',
    PORT: String(await freePort()),
    LOG_LEVEL: 'fatal',
    CONFIRM_ABOVE: '0.005',
  };
  system = await startEmbedded(parseStartConfig(env), env);
  url = new URL(`http://127.0.0.1:${system.port}/mcp`);
  await vi.waitFor(
    async () => {
      const { structured } = await ask('search_models', { provider: 'scripted', include_offline: true });
      expect(structured.items).not.toEqual([]);
    },
    { timeout: 60_000 },
  );
}, 120_000);
afterAll(async () => {
  await system?.close(1_000);
  await upstream?.close();
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

interface Answer {
  structured: JsonObject;
  text: string;
  meta: unknown;
}

/** As a client asks that can ask nobody. */
async function ask(name: string, args: JsonObject): Promise<Answer> {
  const client = new Client(info);
  await client.connect(new StreamableHTTPClientTransport(url));
  const answer = toAnswer(await client.callTool({ name, arguments: args }));
  await client.close();
  return answer;
}

function toAnswer({ structuredContent, content, _meta: meta }: JsonObject): Answer {
  const blocks = z.array(z.object({ text: z.string().optional() })).parse(content);
  return {
    structured: isObject(structuredContent) ? structuredContent : {},
    text: blocks[0]?.text ?? '',
    meta,
  };
}

type Said = { action: 'accept'; content: { run: boolean } } | { action: 'decline' };

/** How each client runs it, whose user says so. */
const clients: Readonly<Record<string, (said: Said, seen: unknown[]) => Promise<Answer>>> = {
  'SDK v1': async (said, seen) => {
    const client = new OldClient(info, { capabilities });
    client.setRequestHandler(ElicitRequestSchema, async ({ params }) => {
      seen.push(params.message);
      return said;
    });
    // as: the SDK's own transport; its optional fields are typed without `undefined`.
    await client.connect(new OldTransport(url) as Parameters<OldClient['connect']>[0]);
    const answer = toAnswer(await client.callTool({ name: 'run_model', arguments: run }));
    await client.close();
    return answer;
  },
  'SDK v2, legacy': (said, seen) => runByNew('legacy', { said, seen }),
  'SDK v2, pinned to 2026-07-28': (said, seen) => runByNew({ pin: '2026-07-28' }, { said, seen }),
};

async function runByNew(
  mode: 'legacy' | { pin: string },
  { said, seen }: { said: Said; seen: unknown[] },
): Promise<Answer> {
  const client = new Client(info, { capabilities, versionNegotiation: { mode } });
  client.setRequestHandler('elicitation/create', async ({ params }) => {
    seen.push(params.message);
    return said;
  });
  await client.connect(new StreamableHTTPClientTransport(url));
  const answer = toAnswer(await client.callTool({ name: 'run_model', arguments: run }));
  await client.close();
  return answer;
}

describe.each(Object.entries(clients))('%s', (name, runBy) => {
  it('asks its user about the cost, and runs after a yes alone [RW-54]', async () => {
    const seen: unknown[] = [];

    const no = await runBy({ action: 'decline' }, seen);
    const yes = await runBy({ action: 'accept', content: { run: true } }, seen);

    expect(seen).toEqual(Array.from({ length: 2 }, () => 'Run scripted/job for 0.01 USD?'));
    expect(no.text).toMatch(/^\[confirmation_declined\]/);
    expect(yes.structured.run).toMatchObject({ run_id: expect.any(String) });
    const hasServer = name.includes('2026')
      ? { 'io.modelcontextprotocol/serverInfo': expect.anything() }
      : {};
    expect(yes.meta).toMatchObject({ ...hasServer, 'inferry/cost': { currency: 'USD', estimated: 0.01 } });
  });
});

it('a client that cannot ask is given a page, and goes on when somebody said yes there', async () => {
  const refused = await ask('run_model', run);
  const page = z
    .object({ confirm_url: z.url() })
    .parse(z.object({ details: z.json() }).parse(refused.structured.error).details);

  const shown = await (await fetch(page.confirm_url)).text();
  const body = new URLSearchParams({ answer: 'accepted' });
  const answered = await fetch(page.confirm_url, { method: 'POST', body });

  expect(refused.text).toContain(page.confirm_url);
  expect(shown).toContain('<b>scripted/job</b> for <b>0.01 USD</b>');
  expect(await answered.text()).toContain('You said yes');
  expect((await ask('run_model', run)).structured.run).toMatchObject({ run_id: expect.any(String) });
});

it('a price that estimate_cost tells is one that run_model is held to', async () => {
  const { structured } = await ask('estimate_cost', { model: run.model, input: run.input });

  expect(structured).toMatchObject({ kind: 'exact', max: 0.01, quote_id: expect.stringMatching(/^quote_/) });
  const dry = { ...run, dry_run: true, quote_id: structured.quote_id };
  expect((await ask('run_model', dry)).structured.quote).toMatchObject({ kind: 'exact' });
  const other = { ...dry, input: { text: 'y' } };
  expect((await ask('run_model', other)).structured.error).toMatchObject({ code: 'quote_invalid' });
});
