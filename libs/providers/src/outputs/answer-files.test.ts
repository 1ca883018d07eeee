import { describe, expect, it } from 'vitest';
import { filesIn, outputsOf } from './answer.ts';

const kindsOf = (output: unknown) => filesIn(output).map(({ kind, contentType }) => `${kind} ${contentType}`);

describe('the files in an answer', () => {
  it.each([
    [
      'what is said beside a link',
      { url: 'https://a.example/1', content_type: 'image/webp' },
      'image image/webp',
    ],
    ['a medium that is said', { type: 'video', url: 'https://a.example/1' }, 'video video/mp4'],
    ['the name above a link', { images: [{ url: 'https://a.example/1' }] }, 'image image/png'],
    ['the end of a link', { result: { url: 'https://a.example/1.glb' } }, '3d model/gltf-binary'],
    ['the name of a link', { video_url: 'https://a.example/1' }, 'video video/mp4'],
  ])('are known by %s', (_by, output, kind) => {
    expect(kindsOf(output)).toEqual([kind]);
  });

  it('keep the names that they were given, and the time until when they are there', () => {
    const output = { file: { url: 'https://a.example/1', content_type: 'audio/wav', file_name: 'a.wav' } };

    const [file] = filesIn(output, { expiresAt: '2026-01-01T00:00:00Z' });

    expect(file).toMatchObject({ fileName: 'a.wav', expiresAt: '2026-01-01T00:00:00Z' });
  });

  it('are none of the addresses that a file came from', () => {
    expect(kindsOf({ input: { image_url: 'https://a.example/in.png' }, seed: 7 })).toEqual([]);
  });
});

describe('what an answer is without files', () => {
  it.each([
    ['words', 'Once', 'Once'],
    ['pieces of words', ['On', 'ce'], 'Once'],
    ['a field of words', { text: 'Once', usage: {} }, 'Once'],
  ])('is text where it is %s', (_what, output, text) => {
    expect(outputsOf(output)).toEqual([{ kind: 'text', contentType: 'text/plain', text }]);
  });

  it('is JSON otherwise, and nothing when there is nothing', () => {
    expect(outputsOf({ score: 1 })).toMatchObject([{ kind: 'json', text: '{"score":1}' }]);
    for (const nothing of [null, '', [], { outputs: [] }]) expect(outputsOf(nothing)).toEqual([]);
  });
});
