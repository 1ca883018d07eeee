import { sampleFile } from '@inferry/testing/emulators';
import { describe, expect, it } from 'vitest';
import { toJobView } from './job-view.ts';
import { readOutputs } from './outputs.ts';

const now = Date.UTC(2026, 0, 1);
const png = sampleFile('image').bytes.toString('base64');

describe('what a worker made', () => {
  it.each([
    ['a link alone', 'https://a.example/x.mp4', ['video']],
    ['links by name', { image_url: 'https://a.example/x', audio: 'https://a.example/y' }, ['image', 'audio']],
    [
      'a list of links',
      { images: ['https://a.example/1.webp', 'https://a.example/2.webp'] },
      ['image', 'image'],
    ],
    ['a data URI', { image: `data:image/png;base64,${png}` }, ['image']],
    ['base64 under a name of pictures', { images: [png] }, ['image']],
    [
      'the files of worker-comfyui',
      { images: [{ filename: 'a.png', type: 'base64', data: png }] },
      ['image'],
    ],
    ['an answer', 'Once upon a time.', ['text']],
    ['an answer that mentions a link', 'See https://a.example/x.png for more.', ['text']],
    ['the answer of vLLM', [{ choices: [{ tokens: ['Once', ' upon'] }], usage: {} }], ['text']],
    [
      "the answer in OpenAI's shape",
      { choices: [{ message: { role: 'assistant', content: 'Hi' } }] },
      ['text'],
    ],
    ['anything else', { score: 0.7 }, ['json']],
    ['nothing', null, []],
  ])('is read from %s', (_name, output, kinds) => {
    expect(readOutputs(output, now).outputs.map(({ kind }) => kind)).toEqual(kinds);
  });

  it('is no file because a text is long', () => {
    const words = 'abcd'.repeat(100);

    expect(readOutputs({ data: words }, now).outputs).toMatchObject([{ kind: 'json' }]);
  });

  it('is no more than a number of files, however deep its author put them', () => {
    const output = { images: Array.from({ length: 1_000 }, (_, at) => `https://a.example/${at}.png`) };

    expect(readOutputs(output, now).outputs).toHaveLength(64);
  });
});

describe('a job that ended', () => {
  it.each([
    ['its own words', 'Something broke', 'generate_failed'],
    ['an input that was wrong', 'prompt is a required input.', 'validation_failed'],
    ['content', 'Blocked by content policy', 'content_blocked'],
  ])('is told with %s', (_name, error, code) => {
    const view = toJobView({ id: 'j', status: 'FAILED', error }, now);

    expect(view.error?.code).toBe(code);
  });

  it('by its time limit says so', () => {
    expect(toJobView({ id: 'j', status: 'TIMED_OUT' }, now).error?.code).toBe('deadline_exceeded');
  });

  it('with an error beside its files is no failure', () => {
    const output = { images: ['https://a.example/1.png'], error: 'one is missing' };

    expect(toJobView({ id: 'j', status: 'COMPLETED', output }, now).status).toBe('succeeded');
  });

  it('adds up the costs of its parts', () => {
    const output = [
      { choices: [{ tokens: ['a'] }], cost: 0.5 },
      { choices: [{ tokens: ['b'] }], cost: 0.25 },
    ];

    expect(toJobView({ id: 'j', status: 'COMPLETED', output }, now).charged?.amount).toBe(0.75);
  });
});
