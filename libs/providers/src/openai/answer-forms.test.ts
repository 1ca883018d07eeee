// Complete answers of servers with OpenAI's API in the forms that such servers really give them.
import { Secret } from '@inferry/contracts';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { type SeenRequest, type StandIn, startStandIn } from '../contract-suite/index.ts';
import type { JobView, Provider } from '../provider.ts';
import { openai } from './definition.ts';

let stand: StandIn;
let provider: Provider;
const told: unknown[] = [];
beforeAll(async () => {
  stand = await startStandIn();
  provider = await openai.create({
    slug: 'openai',
    title: 'OpenAI',
    capabilities: openai.capabilities,
    bases: { api: stand.url },
    allowPrivateHosts: false,
    settings: {},
    log: { warn: (fields) => told.push(fields) },
    now: Date.now,
    random: () => 0.5,
  });
});
afterEach(() => {
  stand.seen.length = 0;
  stand.handle = undefined;
});
afterAll(async () => {
  await provider.close();
  await stand.close();
});

type Handle = (
  request: SeenRequest,
  body: Record<string, unknown>,
) => { status?: number; type?: string; body: unknown };

function answers(handle: Handle): void {
  stand.handle = (request, response) => {
    const isList = request.path === '/models';
    const parsed = request.body.startsWith('{') ? JSON.parse(request.body) : {};
    const {
      status = 200,
      type = 'application/json',
      body,
    } = isList ? { body: { data: [] } } : handle(request, parsed);
    response.writeHead(status, { 'content-type': type });
    response.end(typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body));
  };
}

async function run(nativeId: string, input: Record<string, unknown>): Promise<JobView> {
  const context = { credential: new Secret('sk-0123456789abcdef0123'), signal: AbortSignal.timeout(20_000) };
  const request = { nativeId, input, files: {}, runId: 'run_1', options: {} };
  const { handle, view } = await provider.submit(request, context);
  if (view.status !== 'running' && view.status !== 'queued') return view;
  return vi.waitFor(async () => {
    const now = await provider.poll(handle, context);
    expect(now.status).not.toBe('running');
    return now;
  });
}

const part = (content: unknown, more = {}) => ({
  choices: [{ index: 0, delta: { content }, finish_reason: null, ...more }],
});
const stop = { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] };
const stream = (parts: readonly unknown[], end = 'data: [DONE]\n\n') => ({
  type: 'text/event-stream',
  body: parts.map((it) => (typeof it === 'string' ? it : `data: ${JSON.stringify(it)}\n\n`)).join('') + end,
});
const onePixel =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const silence = 'UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAAA'.padEnd(800, 'A');
const textOf = ({ outputs = [] }: JobView) => outputs.map(({ text }) => text).join('');

describe('an answer of a language model is taken as it comes', () => {
  it.each<[string, ReturnType<Handle>]>([
    ['a stream without [DONE]', stream([part('Hel'), part('lo'), stop], '')],
    [
      'empty lines and signs of life',
      stream([part('Hello'), 'data: \n\n', ': ping\n\n', 'data: ping\n\n', stop]),
    ],
    [
      'a part without choices',
      stream([{ choices: null }, { usage: { total_tokens: 3 } }, part('Hello'), stop]),
    ],
    [
      'a list of parts',
      stream([part([{ type: 'thinking', thinking: 'hm' }]), part([{ type: 'text', text: 'Hello' }]), stop]),
    ],
    ['a whole message', { body: { choices: [{ message: { content: 'Hello' }, finish_reason: 'stop' }] } }],
    [
      'a whole message of parts',
      { body: { choices: [{ message: { content: [{ type: 'text', text: 'Hello' }] } }] } },
    ],
    ['a whole text', { body: { choices: [{ text: 'Hello', finish_reason: 'stop' }] } }],
    ['a stream that is said to be JSON', { ...stream([part('Hello'), stop]), type: 'application/json' }],
    [
      'a value on each line',
      { body: '{"message":{"content":"Hel"},"done":false}\n{"message":{"content":"lo"},"done":true}\n' },
    ],
    [
      'an answer of the Responses API',
      { body: { output: [{ type: 'message', content: [{ type: 'output_text', text: 'Hello' }] }] } },
    ],
    ['its text alone', { body: { output_text: 'Hello' } }],
    [
      'a message of another API',
      { body: { type: 'message', content: [{ type: 'text', text: 'Hello' }], stop_reason: 'end_turn' } },
    ],
    ['candidates', { body: { candidates: [{ content: { parts: [{ text: 'Hel' }, { text: 'lo' }] } }] } }],
    [
      'a recording with what is said in it',
      { body: { choices: [{ message: { content: null, audio: { transcript: 'Hello' } } }] } },
    ],
  ])('%s', async (_form, answer) => {
    answers(() => answer);

    const view = await run('acme-chat', { prompt: 'hi' });

    expect(view).toMatchObject({ status: 'succeeded' });
    expect(textOf(view)).toBe('Hello');
    expect(view.notes).toBeUndefined();
  });

  it('a number is the text of it', async () => {
    answers(() => ({ body: { choices: [{ message: { content: 42 } }] } }));

    expect(textOf(await run('acme-chat', { prompt: 'hi' }))).toBe('42');
  });

  it('with the pictures and the sounds that are beside its words', async () => {
    const picture = { type: 'image_url', image_url: { url: `data:image/png;base64,${onePixel}` } };
    const message = { content: 'Hello', images: [picture], audio: { data: silence, transcript: 'x' } };
    answers(() => ({ body: { choices: [{ message }] } }));
    const beside = await run('acme-chat', { prompt: 'hi' });
    answers(() => stream([part('Hel'), part('lo', { delta: { images: [picture] } }), stop]));
    const streamed = await run('acme-chat', { prompt: 'hi' });
    answers(() => ({ body: { choices: [{ message: { content: [picture] } }] } }));
    const alone = await run('acme-chat', { prompt: 'hi' });

    const kinds = ({ outputs = [] }: JobView) => outputs.map(({ kind }) => kind);
    expect([beside, streamed, alone].map(kinds)).toEqual([
      ['text', 'image', 'audio'],
      ['text', 'image'],
      ['image'],
    ]);
    expect(JSON.stringify([beside.raw, beside.notes])).not.toContain(onePixel);
  });

  it('and says that a tool was called, with the call', async () => {
    const calls = [{ id: 'c', type: 'function', function: { name: 'look', arguments: '{}' } }];
    answers(() => ({
      body: { choices: [{ message: { content: null, tool_calls: calls }, finish_reason: 'tool_calls' }] },
    }));

    expect(await run('acme-chat', { prompt: 'hi' })).toMatchObject({
      status: 'succeeded',
      notes: [expect.stringContaining('asked for a tool')],
      raw: { tool_calls: calls },
    });
  });

  it('and is no success where it holds nothing of an answer; what came can be looked at', async () => {
    for (const body of [{ choices: [] }, { id: 'x', usage: { total_tokens: 9 } }]) {
      answers(() => ({ body }));
      expect(await run('acme-chat', { prompt: 'hi' })).toMatchObject({
        status: 'failed',
        error: { message: expect.stringContaining('gave no answer') },
        raw: body,
      });
    }
  });

  it('and says that it was cut off, by its limit or by a stream that just ends', async () => {
    answers(() => stream([part('Hello wor'), part('', { finish_reason: 'length' })]));
    expect(await run('acme-chat', { prompt: 'hi' })).toMatchObject({
      isPartial: true,
      notes: [expect.stringContaining('cut off')],
    });

    answers(() => stream([part('Hello wor')], ''));
    expect(await run('acme-chat', { prompt: 'hi' })).toMatchObject({
      isPartial: true,
      notes: [expect.stringContaining('may be cut off')],
    });
  });

  it('and is no success where all tokens went into thinking', async () => {
    answers(() =>
      stream([part('', { delta: { reasoning_content: 'I think' } }), part('', { finish_reason: 'length' })]),
    );

    const view = await run('acme-chat', { prompt: 'hi' });

    expect(view).toMatchObject({ status: 'failed', error: { message: expect.stringContaining('thinking') } });
  });

  it.each<[string, ReturnType<Handle>]>([
    ['in a reply of 200', { body: { error: { message: 'The provider hung up', code: 502 } } }],
    ['within a stream', stream([part('Hel'), { error: { message: 'The provider hung up', code: 502 } }])],
    ['as a mere text', { body: { error: 'The provider hung up' } }],
    ['by the kind of the object', { body: { object: 'error', message: 'The provider hung up', code: 502 } }],
    ['as a detail', { body: { detail: 'The provider hung up' } }],
    ['as the first of details', { body: { detail: [{ loc: ['x'], msg: 'The provider hung up' }] } }],
    ['on a line of its own', { body: '{"message":{"content":"Hel"}}\n{"error":"The provider hung up"}' }],
  ])('and is the error that it says, in its own words: %s', async (_where, answer) => {
    answers(() => answer);

    expect(await run('acme-chat', { prompt: 'hi' })).toMatchObject({
      status: 'failed',
      error: { code: 'generate_failed', message: 'The provider hung up' },
    });
  });

  it('and never repeats the key in those words', async () => {
    answers(() => ({ body: { error: { message: 'bad key sk-0123456789abcdef0123' } } }));

    expect((await run('acme-chat', { prompt: 'hi' })).error?.message).not.toContain('0123456789abcdef');
  });
});

describe('a body of which something is refused is sent once more without it', () => {
  const hello = { choices: [{ message: { content: 'Hello' }, finish_reason: 'stop' }] };
  const refused = (param: string, status = 400) => ({
    status,
    body: { error: { message: `'${param}' is not supported.`, param } },
  });

  it.each([
    ['stream_options', 'stream_options', undefined],
    ['stream', 'stream', undefined],
    ['max_tokens', 'max_tokens', 'max_completion_tokens'],
  ])('%s', async (_what, field, instead) => {
    answers((_request, body) => (field in body ? refused(field) : { body: hello }));

    const view = await run('acme-chat', { prompt: 'hi', max_tokens: 50 });
    const sent = stand.seen.filter(({ method }) => method === 'POST').map(({ body }) => JSON.parse(body));

    expect(textOf(view)).toBe('Hello');
    expect(sent).toHaveLength(2);
    if (instead !== undefined) expect(sent[1]).toMatchObject({ [instead]: 50 });
  });

  it('and not again where that is refused as well, or where it may have been taken', async () => {
    answers(() => refused('stream_options'));
    await expect(run('acme-chat', { prompt: 'hi' })).rejects.toMatchObject({ code: 'validation_failed' });
    expect(stand.seen.filter(({ method }) => method === 'POST')).toHaveLength(2);

    stand.seen.length = 0;
    answers(() => ({ status: 500, body: { error: { message: "'stream_options' broke it" } } }));
    await run('acme-chat', { prompt: 'hi' }).catch(() => undefined);
    expect(stand.seen.filter(({ method }) => method === 'POST')).toHaveLength(1);
  });
});

describe('pictures and sounds are taken in every form', () => {
  const png = Buffer.from('89504e470d0a1a0a0000000d', 'hex');
  const uri = `data:image/png;base64,${png.toString('base64')}`;

  it.each([
    ['a data: link', { data: [{ url: uri }] }],
    ['base64', { data: [{ b64_json: png.toString('base64') }] }],
    ['base64 with a prefix', { data: [{ b64_json: uri.replace('data:', 'DATA:') }] }],
    ['beside one without content', { data: [{ url: '' }, { b64_json: uri }] }],
    ['under another name', { image: uri }],
    ['one that is no list', { data: { b64_json: png.toString('base64') } }],
    ['a list of links', { output: [uri] }],
    ['the file itself', png],
  ])('%s', async (_form, body) => {
    answers(() => ({ body }));

    const { status, outputs = [] } = await run('acme-image', { prompt: 'x' });

    expect(status).toBe('succeeded');
    expect(outputs.map(({ kind, bytes }) => [kind, Buffer.from(bytes ?? []).toString('hex')])).toEqual([
      ['image', png.toString('hex')],
    ]);
  });

  it.each([
    ['no picture', 'acme-image', { data: [] }, 'upstream_failed'],
    [
      'an error where pictures were asked for',
      'acme-image',
      { error: { message: 'x', code: 'content_policy_violation' } },
      'content_blocked',
    ],
    [
      'an error in the place of a picture',
      'acme-image',
      { data: [{ error: { message: 'x', code: 'content_policy_violation' } }] },
      'content_blocked',
    ],
    ['a detail in place of a sound', 'acme-tts', { detail: 'voice is not loaded' }, 'generate_failed'],
    ['a detail in place of a transcript', 'whisper-1', { detail: 'no speech model' }, 'generate_failed'],
    [
      'an error where a sound was asked for',
      'acme-tts',
      { error: { message: 'x', code: 'insufficient_quota' } },
      'insufficient_credits',
    ],
    [
      'an error where a transcript was asked for',
      'whisper-1',
      { error: { message: 'x' } },
      'generate_failed',
    ],
  ])('%s is a failure, and no lost reply', async (...[, model, body, code]) => {
    answers(() => ({ body }));

    expect(await run(model, { prompt: 'x', input: 'x' })).toMatchObject({
      status: 'failed',
      error: { code },
    });
  });

  it.each([
    ['42\n', 'text/plain', '42\n'],
    ['1\n00:00:00,000 --> 00:00:01,000\nHi\n', 'text/plain', '1\n00:00:00,000 --> 00:00:01,000\nHi\n'],
    ['{"text":"hello","segments":[{"start":0,"end":1.25}]}', 'application/json', 'hello'],
    ['{"text":""}', 'application/json', ''],
  ])('the transcript %j is text', async (body, type, text) => {
    answers(() => ({ body, type }));

    const view = await run('whisper-1', {});

    expect(view.status).toBe('succeeded');
    expect(textOf(view)).toBe(text);
    if (body.includes('1.25')) expect(JSON.stringify(view.raw)).toContain('1.25');
  });
});

it('what is said beside vectors and a film can be looked at', async () => {
  const usage = { prompt_tokens: 5, total_tokens: 5 };
  answers(() => ({ body: { object: 'list', data: [{ embedding: [0.5] }], model: 'm', usage } }));
  const vectors = await run('text-embedding-3-small', { input: ['x'] });
  answers(({ method }) => ({
    body: {
      id: 'video_1',
      status: method === 'POST' ? 'queued' : 'failed',
      seconds: '4',
      error: { code: 'x' },
    },
  }));
  const film = await run('sora-2', { prompt: 'waves' });

  expect(vectors.raw).toEqual({ object: 'list', model: 'm', usage });
  expect(film).toMatchObject({ status: 'failed', raw: { id: 'video_1', seconds: '4' } });
});

describe('what a model does', () => {
  it('is what its server says of it, else what its name says; what cannot be listed is told', async () => {
    stand.handle = (_request, response) => {
      const data = [
        { id: 'all-minilm:latest' },
        { id: 'acme/image-captioner', type: 'chat' },
        { id: 'acme/painter', architecture: { output_modalities: ['image'] } },
        { id: 'acme/vectors', capabilities: { embeddings: true } },
        { id: 'my model' },
        { id: 7 },
      ];
      response.end(JSON.stringify({ data }));
    };

    const listed = await provider.listModels({ signal: AbortSignal.timeout(60_000) });
    const kinds =
      listed === 'unchanged' ? [] : listed.models.map(({ nativeId, tags }) => [nativeId, ...tags]);

    expect(kinds).toEqual([
      ['acme/image-captioner', 'chat'],
      ['acme/painter', 'image'],
      ['acme/vectors', 'embedding'],
      ['all-minilm:latest', 'embedding'],
    ]);
    expect(told).toMatchObject([{ name: 'entry 6' }, { name: 'my model' }]);
  });
});
