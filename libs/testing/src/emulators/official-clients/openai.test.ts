import { File } from 'node:buffer';
import OpenAI from 'openai';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { type Emulators, openaiEmulator, sampleFile, startEmulators } from '../index.ts';
import { guardGlobalFetch, loopbackFetch } from './loopback-only.ts';

let emulators: Emulators;
let client: OpenAI;
let stopGuard: () => void;

beforeAll(async () => {
  stopGuard = guardGlobalFetch();
  emulators = await startEmulators({ definitions: [openaiEmulator] });
  const emulator = emulators.of('openai');
  client = new OpenAI({
    apiKey: emulator.keys.valid,
    baseURL: emulator.base(),
    fetch: loopbackFetch,
    maxRetries: 0,
  });
});
afterEach(() => {
  expect(emulators.of('openai').violations).toEqual([]);
  emulators.of('openai').reset();
});
afterAll(async () => {
  await emulators.close();
  stopGuard();
});

it('refuses every address but loopback', () => {
  expect(() => fetch('https://api.openai.com/v1/models')).toThrow('would have called');
});

it('lists models', async () => {
  const ids: string[] = [];
  for await (const { id } of client.models.list()) ids.push(id);

  expect(ids).toContain('gpt-image-1');
});

it('makes and edits images', async () => {
  const { bytes, contentType } = sampleFile('image');
  const image = new File([new Uint8Array(bytes)], 'a.png', { type: contentType });

  const made = await client.images.generate({ model: 'gpt-image-1', prompt: 'a boat', n: 2 });
  const edited = await client.images.edit({ model: 'gpt-image-1', prompt: 'at night', image });

  expect(made.data).toHaveLength(2);
  expect(edited.data?.[0]?.b64_json).toBeTruthy();
});

it('streams partial images', async () => {
  const stream = await client.images.generate({
    model: 'gpt-image-1',
    prompt: 'a boat',
    stream: true,
    partial_images: 2,
  });

  const types: string[] = [];
  for await (const { type } of stream) types.push(type);

  expect(types).toEqual([
    'image_generation.partial_image',
    'image_generation.partial_image',
    'image_generation.completed',
  ]);
});

it('streams chat and answers it whole', async () => {
  const messages = [{ role: 'user' as const, content: 'Hello' }];
  const stream = await client.chat.completions.create({ model: 'gpt-4o-mini', messages, stream: true });
  let text = '';
  for await (const { choices } of stream) text += choices[0]?.delta.content ?? '';

  const whole = await client.chat.completions.create({ model: 'gpt-4o-mini', messages });

  expect(text).toBe('Hello from the emulator.');
  expect(whole.choices[0]?.message.content).toBe(text);
});

it('speaks, listens and embeds', async () => {
  const speech = await client.audio.speech.create({ model: 'tts-1', voice: 'alloy', input: 'Hello' });
  const file = new File([new Uint8Array(sampleFile('audio').bytes)], 'a.wav', { type: 'audio/wav' });
  const { text } = await client.audio.transcriptions.create({ model: 'whisper-1', file });
  // The client asks for base64 by itself and decodes it.
  const { data } = await client.embeddings.create({
    model: 'text-embedding-3-small',
    input: ['one', 'three'],
  });

  expect((await speech.arrayBuffer()).byteLength).toBeGreaterThan(100);
  expect(text).toBe('Hello from the emulator.');
  expect(data[1]?.embedding[0]).toBeCloseTo(0.05);
});

it('makes a video, follows it and reads it', async () => {
  const { id, status } = await client.videos.create({ model: 'sora-2', prompt: 'waves', seconds: '4' });
  const states = [status];
  while (states.at(-1) !== 'completed') states.push((await client.videos.retrieve(id)).status);

  const content = await client.videos.downloadContent(id);

  expect(states).toEqual(['queued', 'queued', 'in_progress', 'completed']);
  expect((await content.arrayBuffer()).byteLength).toBeGreaterThan(0);
});

it('reads refusals as what they are', async () => {
  const { keys } = emulators.of('openai');
  const revoked = client.withOptions({ apiKey: keys.revoked });
  const broke = client.withOptions({ apiKey: keys.broke });

  await expect(revoked.models.list()).rejects.toBeInstanceOf(OpenAI.AuthenticationError);
  await expect(broke.images.generate({ model: 'gpt-image-1', prompt: 'x' })).rejects.toMatchObject({
    status: 429,
    code: 'insufficient_quota',
  });
});
