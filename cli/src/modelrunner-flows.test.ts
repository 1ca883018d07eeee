import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type JsonObject, localPrincipal, type ToolResult } from '@inferry/contracts';
import { toolOf } from '@inferry/profiles';
import { freePort } from '@inferry/testing';
import {
  type Emulator,
  type Emulators,
  emulatorVariables,
  modelrunnerEmulator,
  startEmulators,
} from '@inferry/testing/emulators';
import { encode } from 'gpt-tokenizer/encoding/o200k_base';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { parseStartConfig } from './config.ts';
import { type EmbeddedSystem, startEmbedded } from './embedded.ts';

/** The flows that ModelRunner's documents describe, by an agent's calls on the whole system in one process. */
let emulators: Emulators;
let emulator: Emulator;
let system: EmbeddedSystem;
let home: string;
/** What the agent pays for: calls, and the tokens of what it reads. */
let calls = 0;
let tokens = 0;

beforeAll(async () => {
  emulators = await startEmulators({ definitions: [modelrunnerEmulator] });
  emulator = emulators.of('modelrunner');
  home = mkdtempSync(join(tmpdir(), 'modelrunner-flows-'));
  const port = await freePort();
  const env = {
    ...emulatorVariables(emulators),
    PROVIDERS: 'modelrunner',
    INFERRY_HOME: home,
    PORT: String(port),
    LOG_LEVEL: 'silent',
  };
  system = await startEmbedded(parseStartConfig(env), env);
  await vi.waitFor(async () => expect(endpointsOf(await call('list_models', {})).length).toBe(4), 20_000);
}, 60_000);
afterAll(async () => {
  await system.close(1_000);
  await emulators.close();
  rmSync(home, { recursive: true });
});
beforeEach(() => {
  calls = 0;
  tokens = 0;
});

async function call(name: string, args: JsonObject): Promise<ToolResult['structuredContent']> {
  const tool = toolOf(`modelrunner/${name}`);
  if (tool === undefined) throw new Error(`there is no ${name}`);
  const wait = { defaultSeconds: 25, maxSeconds: 600 };
  const options = { principal: localPrincipal, wait, timeoutMs: 60_000 };
  const result = JSON.parse(await system.parts.bus.callTool(tool, args, options)) as ToolResult;
  calls += 1;
  tokens += encode(JSON.stringify(args)).length + encode(JSON.stringify(result.structuredContent)).length;
  if (result.isError === true) throw new Error(JSON.stringify(result.structuredContent.error));
  return result.structuredContent;
}

const endpointsOf = ({ data }: JsonObject) =>
  // as: cards, as the lists have them.
  (data as { endpoint: string }[]).map(({ endpoint }) => endpoint);

async function outputOf(requestId: unknown): Promise<{ url: string; request: JsonObject }> {
  let request = await call('wait_for_request', { requestId });
  while (request.status === 'IN_QUEUE' || request.status === 'IN_PROGRESS')
    request = await call('wait_for_request', { requestId });
  // as: the outputs of a request that has ended.
  return { url: (request.output as string[])[0] ?? '', request };
}

describe("an agent on ModelRunner's profile", () => {
  it('lists the recommended image models when it is asked for them, in one call [MR-08][MR-12]', async () => {
    const shortlist = await call('recommended_models', { category: 'image' });

    expect(endpointsOf(shortlist)).toEqual(['bytedance/sdxl-lightning-4step']);
    expect(calls).toBe(1);
    expect(tokens).toBeLessThan(150);
  });

  it('goes from a wish to a picture in four calls, for few tokens [MR-01][MR-45][MR-29]', async () => {
    const [endpoint] = endpointsOf(await call('recommended_models', { category: 'image' }));
    const { inputs } = await call('get_model', { endpoint });
    const { requestId, status } = await call('run_model', { endpoint, input: { prompt: 'a lighthouse' } });
    const { url, request } = await outputOf(requestId);

    expect(inputs).toContainEqual(expect.objectContaining({ name: 'prompt', required: true }));
    expect(status).toBe('IN_QUEUE');
    expect(request).toMatchObject({
      status: 'COMPLETED',
      billingStatus: 'charged',
      totalPrice: '0.00420000',
    });
    expect((await fetch(url)).headers.get('content-type')).toMatch(/^image\//);
    expect(calls).toBe(4);
    expect(tokens).toBeLessThan(900);
    const [job] = [...emulator.jobs.values()].slice(-1);
    expect(job).toMatchObject({ model: endpoint, input: { prompt: 'a lighthouse' } });
  });

  it('sets a picture of its own in motion: base64, URL, film [MR-46][MR-30][MR-31]', async () => {
    const png = Buffer.from(
      'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
      'base64',
    );
    const { fileUrl } = await call('upload_file', { base64: png.toString('base64'), fileName: 'cat.png' });
    const input = { prompt: 'waves', image: fileUrl };
    const { requestId } = await call('run_model', { endpoint: 'kling/v2/image-to-video', input });
    const { request } = await outputOf(requestId);

    expect(request).toMatchObject({ status: 'COMPLETED', modelEndpoint: 'kling/v2/image-to-video' });
    expect(calls).toBe(3);
    expect(tokens).toBeLessThan(700);
    const [job] = [...emulator.jobs.values()].slice(-1);
    const sent = emulator.files.get(String(job?.input.image).split('/').at(-1) ?? '');
    expect(sent?.bytes).toEqual(png);
  });

  it('sends a large file by parts with its shell, and runs it by its URL [MR-58][MRD-01]', async () => {
    const bytes = Buffer.alloc(17 * 1024 * 1024, 7);
    bytes.set(Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'));
    const upload = await call('create_upload_url', {
      fileName: 'large.png',
      contentType: 'image/png',
      size: bytes.length,
    });
    const { partUrl, partBytes, partCount, fileUrl } = upload as Record<string, string> &
      Record<string, number>;
    for (let part = 1; part <= Number(partCount); part++) {
      const from = (part - 1) * Number(partBytes);
      const put = await fetch(String(partUrl).replace('{part}', String(part)), {
        method: 'PUT',
        body: bytes.subarray(from, from + Number(partBytes)),
      });
      expect(put.status).toBeLessThan(300);
    }
    const { requestId } = await call('run_model', {
      endpoint: 'bria/remove-background',
      input: { image_url: fileUrl },
    });

    expect((await outputOf(requestId)).request).toMatchObject({ status: 'COMPLETED' });
    expect(Number(partCount)).toBe(2);
  });

  it('finds a lost request in the history, and a wrapper of its own runs like a model [MR-34][MR-38]', async () => {
    const base = 'bytedance/sdxl-lightning-4step';
    const { endpoint } = await call('create_wrapper', {
      alias: 'cinematic-portrait',
      schema: { type: 'object', required: ['subject'], properties: { subject: { type: 'string' } } },
      promptTemplate: '{{subject}}, 85mm',
      baseModels: [{ baseModelId: base, fieldMappings: { staticValues: { num_outputs: 2 } } }],
    });
    const { requestId } = await call('run_model', {
      endpoint,
      input: { subject: 'a fox' },
      metadata: { batch: 'fox' },
    });
    const { request } = await outputOf(requestId);
    const found = await call('list_my_requests', { modelEndpoint: endpoint, metadata: { batch: 'fox' } });

    expect(request).toMatchObject({ modelEndpoint: endpoint, baseModelEndpoint: base, status: 'COMPLETED' });
    expect(found).toMatchObject({ total: 1, data: [{ id: requestId, modelEndpoint: endpoint }] });
    const [job] = [...emulator.jobs.values()].slice(-1);
    expect(job).toMatchObject({ model: base, input: { prompt: 'a fox, 85mm', num_outputs: 2 } });
    expect(job?.extra.metadata).toMatchObject({ batch: 'fox' });
  });
});
