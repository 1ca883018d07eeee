import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import { promisify } from 'node:util';
import { AppError } from '@inferry/contracts';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Provider, SubmitRequest } from '../provider.ts';
import { createLocalProvider, type LocalProviderOptions } from './index.ts';
import { syntheticPhoto } from './testing/pictures.ts';
import { runModel, toRequest } from './testing/run-model.ts';

const context = { signal: new AbortController().signal };
let opened: Provider[] = [];

afterEach(async () => {
  await Promise.all(opened.map((provider) => provider.close()));
  opened = [];
});

describe('the catalog', () => {
  it('is the same to whoever has its etag', async () => {
    const provider = open();
    const list = await provider.listModels(context);
    const etag = list === 'unchanged' ? undefined : list.etag;

    expect(await provider.listModels(context, etag)).toBe('unchanged');
  });

  it('costs exactly nothing', async () => {
    const provider = open();
    const list = await provider.listModels(context);
    const models = list === 'unchanged' ? [] : list.models;

    const quotes = models.map((model) => provider.quote(model, {}));

    expect(quotes).toHaveLength(10);
    for (const quote of quotes) expect(quote).toMatchObject({ currency: 'USD', min: 0, max: 0, exact: true });
  });
});

describe('submit', () => {
  it('refuses a model that there is not', async () => {
    expect(await refusal(toRequest('dall-e', {}))).toMatchObject({ code: 'model_not_found' });
  });

  it.each([
    ['speech', { text: '   ' }],
    ['speech', { text: 'x'.repeat(5001) }],
    ['speech', { text: 'hi', voice: 'bob' }],
    ['embed', { texts: [] }],
    ['pan-and-zoom', { image: 'data:,', duration_seconds: 0 }],
    ['summarize', {}],
  ])('refuses what the schema of %s refuses, and names the field', async (nativeId, input) => {
    const error = await refusal(toRequest(nativeId, input));

    expect(error.code).toBe('validation_failed');
    expect(error.details?.errors).toHaveLength(1);
  });

  it('refuses a file field whose file it was not given, whatever URL is in it', async () => {
    const request = toRequest('upscale-2x', { image: 'http://169.254.169.254/secret' });

    expect(await refusal(request)).toMatchObject({ code: 'validation_failed' });
  });

  it('takes a small picture as a data URI in the field', async () => {
    const png = await syntheticPhoto(8, 8).png().toBuffer();
    const request = toRequest('upscale-2x', { image: `data:image/png;base64,${png.toString('base64')}` });

    expect((await runModel(open(), request)).status).toBe('succeeded');
  });

  it('reads a file from the URL that it was given', async () => {
    const png = await syntheticPhoto(8, 8).png().toBuffer();
    const server = createServer((_request, reply) => reply.end(png)).listen(0, '127.0.0.1');
    onTestFinished(() => void server.close());
    await vi.waitFor(() => expect(server.listening).toBe(true));
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const image = { url: `http://127.0.0.1:${port}/a.png`, contentType: 'image/png', bytes: png.length };
    const request = { ...toRequest('upscale-2x', { image: image.url }), files: { image } };

    expect((await runModel(open(), request)).status).toBe('succeeded');
  });
});

describe('cancel', () => {
  it('stops an upscale in the middle and lets the next job run at once', async () => {
    const provider = open({ maxWorkers: 1 });
    const image = await syntheticPhoto(1024, 1024).jpeg().toBuffer();
    const long = await provider.submit(toRequest('upscale-2x', {}, { image }), context);
    const next = await provider.submit(toRequest('speech', { text: 'Hello.' }), context);
    await vi.waitFor(
      async () => expect((await provider.poll(long.handle, context)).progress).toBeGreaterThan(0),
      {
        timeout: 10_000,
      },
    );

    const result = await provider.cancel(long.handle, context);

    expect(result).toBe('confirmed');
    expect((await provider.poll(long.handle, context)).status).toBe('cancelled');
    expect((await provider.poll(next.handle, context)).status).toBe('running');
    await vi.waitFor(
      async () => expect((await provider.poll(next.handle, context)).status).toBe('succeeded'),
      {
        timeout: 10_000,
      },
    );
    expect(await provider.cancel(next.handle, context)).toBe('too_late');
  });
});

describe('a handle', () => {
  it('survives JSON', async () => {
    const provider = open();
    const { handle } = await provider.submit(toRequest('speech', { text: 'Hello.' }), context);

    const stored = JSON.parse(JSON.stringify(handle));

    expect((await provider.poll(stored, context)).status).toBe('running');
  });

  it('of another process is lost, and says that the run can be repeated', async () => {
    const { handle } = await open().submit(toRequest('speech', { text: 'Hello.' }), context);
    const other = open();

    const view = await other.poll(handle, context);

    expect(view).toMatchObject({ status: 'failed', error: { code: 'upstream_failed' } });
    expect(await other.cancel(handle, context)).toBe('too_late');
  });

  it('is found by its run id in the process that took it, and is absent in any other', async () => {
    const provider = open();
    const request = toRequest('speech', { text: 'Hello.' });
    const { handle } = await provider.submit(request, context);
    const question = { runId: request.runId, nativeId: 'speech', submittedAt: new Date(0).toISOString() };

    expect(await provider.recover(question, context)).toEqual({ outcome: 'found', handle });
    expect(await open().recover(question, context)).toEqual({ outcome: 'absent' });
  });

  it('of a job that is not kept any more is expired', async () => {
    const provider = open({ keepMs: 1 });
    const { handle } = await provider.submit(toRequest('summarize', { text: 'Hello.' }), context);

    await vi.waitFor(async () => expect((await provider.poll(handle, context)).status).toBe('expired'), {
      timeout: 10_000,
    });
  });
});

it('leaves the main thread nearly idle while a model computes', async () => {
  const provider = open();
  const image = await syntheticPhoto(384, 384).jpeg().toBuffer();
  const [ofThread, ofProcess] = [process.threadCpuUsage(), process.cpuUsage()];

  const view = await runModel(provider, toRequest('upscale-2x', {}, { image }));

  const thread = process.threadCpuUsage(ofThread);
  const all = process.cpuUsage(ofProcess);
  expect(view.status).toBe('succeeded');
  // Time of processors, and not of the clock: a busy machine stretches that, and what waits for a processor is idle.
  expect((thread.user + thread.system) / (all.user + all.system)).toBeLessThan(0.3);
});

it('loads no model and no picture library on the main thread', async () => {
  const index = new URL('./index.ts', import.meta.url).href;
  const script = `
    import { Module } from 'node:module';
    const { createLocalProvider } = await import('${index}');
    await createLocalProvider().listModels({});
    const loaded = [...Object.keys(Module._cache), ...process.report.getReport().sharedObjects];
    console.log(JSON.stringify(loaded.filter((file) => /sharp|vips|wasm|energetic|wink|tesseract|h264/.test(file))));`;

  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]);

  expect(JSON.parse(stdout)).toEqual([]);
});

function open(options: LocalProviderOptions = {}): Provider {
  const provider = createLocalProvider(options);
  opened.push(provider);
  return provider;
}

async function refusal(request: SubmitRequest): Promise<AppError> {
  try {
    await open().submit(request, context);
  } catch (error) {
    if (error instanceof AppError) return error;
  }
  throw new Error('nothing was refused');
}
