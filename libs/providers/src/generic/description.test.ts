import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Secret } from '@inferry/contracts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openInstance, readProvidersConfig } from '../index.ts';
import type { JobView, Provider } from '../provider.ts';
import { fillPath, fillTemplate, valuesAt } from './template.ts';

let folder: string;
let server: Server;
let base: string;
let asked: { method: string; url: string; headers: IncomingMessage['headers']; body: unknown }[];
let replies: { status?: number; body: unknown }[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'inferry-described-'));
  asked = [];
  replies = [];
  server = createServer(async (request, response) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    const { method = '', url = '', headers } = request;
    asked.push({ method, url, headers, body: text === '' ? undefined : JSON.parse(text) });
    const { status = 200, body } = replies.shift() ?? { status: 500, body: {} };
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  base = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await rm(folder, { recursive: true, force: true });
});

const yaml = `
slug: acme
title: Acme
homepage: https://acme.example
base_url: https://api.acme.example/v1
auth: { type: jwt }
success: { at: /code, equals: [0] }
submit:
  path: /{{model.path}}/{{model}}
  body: { options: { '...': '{{input}}', tag: 'run {{run_id}}' }, seed: '{{input.seed}}' }
  handle: { id: /data/task_id }
poll:
  path: /tasks/{{handle.id}}
  query: { verbose: '1' }
  status: /data/status
  states: { queued: [submitted], running: [processing], succeeded: [succeed], failed: [failed] }
  progress: { at: /data/percent, of: 100 }
result:
  outputs: [{ at: /data/videos/*/url, kind: video, content_type: video/mp4 }]
  error: { message: /data/reason, blocked: [policy] }
  charged: { at: /data/credits, currency: USD, factor: 0.01 }
errors:
  - { at: /code, equals: [1101, 1102], code: insufficient_credits }
models:
  - id: v1
    title: Acme Video
    summary: Makes films.
    output: video
    values: { path: videos }
    fields: [{ name: prompt, required: true }, { name: image, file: image }, { name: seed, type: integer }]
`;

async function open(text: string): Promise<Provider> {
  const file = join(folder, 'acme.yaml');
  await writeFile(file, text);
  const config = await readProvidersConfig({ PROVIDER_FILES: file, ACME_BASE_URL: base });
  const instance = config.instances.find(({ options }) => options.slug === 'acme');
  if (instance === undefined) throw new Error('acme was not configured');
  return openInstance(instance);
}

const context = () => ({ credential: new Secret('access:secret'), signal: AbortSignal.timeout(10_000) });
const request = { nativeId: 'v1', input: { prompt: 'waves' }, files: {}, runId: 'run_1', options: {} };

describe('a platform that a file describes', () => {
  it('is opened beside the others, with its models and their schemas', async () => {
    const provider = await open(yaml);

    const listed = await provider.listModels(context());

    expect(listed).toMatchObject({
      models: [
        {
          nativeId: 'v1',
          capabilities: ['io:text-to-video', 'io:image-to-video'],
          inputSchema: { required: ['prompt'], properties: { image: { 'x-inferry-file': 'image' } } },
        },
      ],
    });
  });

  it('is asked as its templates say, with a token of its key', async () => {
    const provider = await open(yaml);
    replies = [
      { body: { code: 0, data: { task_id: 't/1' } } },
      { body: { code: 0, data: { status: 'processing', percent: 40 } } },
    ];

    const { handle } = await provider.submit(request, context());
    const view = await provider.poll(handle, context());

    expect(asked.map(({ method, url }) => `${method} ${url}`)).toEqual([
      'POST /videos/v1',
      'GET /tasks/t/1?verbose=1',
    ]);
    expect(asked[0]?.body).toEqual({ options: { prompt: 'waves', tag: 'run run_1' } });
    expect(view).toMatchObject({ status: 'running', progress: 0.4 });
    const [head, payload, signature] = String(asked[0]?.headers.authorization)
      .replace('Bearer ', '')
      .split('.');
    const signed = createHmac('sha256', 'secret').update(`${head}.${payload}`).digest('base64url');
    expect(signature).toBe(signed);
    expect(JSON.parse(Buffer.from(payload ?? '', 'base64url').toString())).toMatchObject({ iss: 'access' });
  });

  it.each<[object, Partial<JobView>]>([
    [
      { status: 'succeed', videos: [{ url: 'https://x.example/1.mp4' }], credits: 25 },
      { status: 'succeeded', charged: { amount: 0.25, currency: 'USD' } },
    ],
    [
      { status: 'succeed', videos: [], credits: 4 },
      { status: 'failed', charged: { amount: 0.04, currency: 'USD' } },
    ],
    [
      { status: 'failed', reason: 'the worker died', credits: 50 },
      { status: 'failed', charged: { amount: 0.5, currency: 'USD' } },
    ],
    [
      { status: 'failed', reason: 'Content policy' },
      { status: 'failed', error: { code: 'content_blocked', message: 'Acme says: Content policy' } },
    ],
    [{ status: 'napping' }, { status: 'running', upstreamStatus: 'napping' }],
  ])('reads %j as it should', async (data, expected) => {
    const provider = await open(yaml);
    replies = [{ body: { code: 0, data } }];

    expect(await provider.poll({ id: 't1' }, context())).toMatchObject(expected);
  });

  it('takes no figure for unknown, and never for nothing', async () => {
    const provider = await open(yaml);
    replies = [{ body: { code: 0, data: { status: 'failed', credits: '' } } }];
    const end = { nativeId: 'v1', status: 'failed', upstreamStatus: 'failed' } as const;
    const free = await open(yaml.replace('  charged:', '  failures: free\n  charged:'));

    expect(await provider.poll({ id: 't1' }, context())).not.toHaveProperty('charged');
    expect([provider.mayCostUntold?.(end), free.mayCostUntold?.(end)]).toEqual([true, false]);
  });

  it.each([
    ['{ text: 5 EUR a run, currency: EUR, basis: per_request, amount: 5 }', { currency: 'EUR', max: 10 }],
    ['{ text: by the second, basis: per_second, amount: 0.1 }', { currency: 'USD', max: 1.6 }],
    ['{ text: 0.04 EUR per image }', { currency: 'EUR', max: 0.08 }],
    ['{ text: ask them }', { basis: 'unknown' }],
  ])('is quoted by %s', async (price, expected) => {
    const provider = await open(`${yaml.trimEnd()}\n    price: ${price}\n`);
    const listed = await provider.listModels(context());
    const [model] = listed === 'unchanged' ? [] : listed.models;

    expect(
      model && provider.quote(model, { num_images: 2, ...(price.includes('second') && { duration: 8 }) }),
    ).toMatchObject(expected);
  });

  it('takes a refusal in a 200 for one', async () => {
    const provider = await open(yaml);
    replies = [{ body: { code: 1102, message: 'balance not enough' } }];

    await expect(provider.submit(request, context())).rejects.toMatchObject({ code: 'insufficient_credits' });
  });

  it('may answer at once', async () => {
    const polled = /poll:[\s\S]*?\nresult:/;
    const provider = await open(yaml.replace(polled, 'result:').replace(/charged.*/, ''));
    replies = [{ body: { code: 0, data: { videos: [{ url: 'https://x.example/1.mp4' }] } } }];

    const { view } = await provider.submit(request, context());

    expect(view).toMatchObject({ status: 'succeeded', outputs: [{ url: 'https://x.example/1.mp4' }] });
  });

  it('is refused with every problem of its file', async () => {
    const broken = yaml
      .replace('slug: acme', 'slug: Acme')
      .replace('status: /data/status', 'statuss: /data/status');

    const opened = open(broken);

    await expect(opened).rejects.toThrow(
      /acme\.yaml does not describe a provider:[\s\S]*slug: lower case[\s\S]*poll/,
    );
  });
});

describe('a template', () => {
  it('leaves out what is absent and spreads what is marked', () => {
    const names = { input: { a: 1 }, model: 'm' };

    expect(fillTemplate({ '...': '{{input}}', b: '{{input.b}}', c: ['x {{model}}'] }, names)).toEqual({
      a: 1,
      c: ['x m'],
    });
  });

  it('does not let a value add a query or climb', () => {
    expect(fillPath('/m/{{model}}', { model: 'a/b?c=1#d' })).toBe('/m/a/b%3Fc%3D1%23d');
  });
});

it('finds every value at a pointer', () => {
  const body = { a: [{ 'b/c': 1 }, { 'b/c': 2 }] };

  expect(valuesAt(body, '/a/*/b~1c')).toEqual([1, 2]);
  expect(valuesAt(body, '/a/7')).toEqual([]);
});
