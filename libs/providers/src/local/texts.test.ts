import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createLocalProvider } from './index.ts';
import { summarize } from './models/summarize.ts';
import { jsonOf, outputOf, runModel, toRequest } from './testing/run-model.ts';

const provider = createLocalProvider();
afterAll(() => provider.close());

describe('embed', () => {
  it('puts sentences of like meaning closer together than others', async () => {
    const texts = ['make this picture bigger', 'upscale a photo', 'the soup needs more salt'];

    const { dimensions, embeddings } = Embeddings.parse(
      await jsonOf(provider, toRequest('embed', { texts })),
    );

    const [first = [], alike = [], other = []] = embeddings;
    expect(dimensions).toBe(512);
    expect(embeddings.map((values) => values.length)).toEqual([512, 512, 512]);
    expect(cosine(first, first)).toBeCloseTo(1, 3);
    expect(cosine(first, alike)).toBeGreaterThan(cosine(first, other) + 0.2);
  });

  it('gives each text the embedding that it has alone', async () => {
    const together = Embeddings.parse(
      await jsonOf(provider, toRequest('embed', { texts: ['a cat', 'a dog'] })),
    );

    const alone = Embeddings.parse(await jsonOf(provider, toRequest('embed', { texts: ['a dog'] })));

    expect(together.embeddings[1]).toEqual(alone.embeddings[0]);
  });
});

describe('embed of what the model does not know', () => {
  it.each([['你好'], ['สวัสดี'], ['Привет'], ['🙂'], ['...'], ['你好 hi 再见']])(
    'refuses %s by its place',
    async (text) => {
      const view = await runModel(provider, toRequest('embed', { texts: ['a cat', text] }));

      expect(view).toMatchObject({ status: 'failed', error: { code: 'validation_failed' } });
      expect(view.error?.message).toContain('texts.1');
    },
  );

  it('gives composed and decomposed letters one vector', async () => {
    const texts = ['a café'.normalize('NFC'), 'a café'.normalize('NFD'), '42'];
    const { embeddings } = Embeddings.parse(await jsonOf(provider, toRequest('embed', { texts })));

    expect(embeddings[0]).toEqual(embeddings[1]);
  });
});

describe('summarize', () => {
  it('says so where no sentences can be told apart', async () => {
    const view = await runModel(
      provider,
      toRequest('summarize', { text: 'words without an end '.repeat(60) }),
    );

    expect(view).toMatchObject({ status: 'failed', error: { code: 'validation_failed' } });
    expect(view.error?.message).toContain('sentences');
  });

  it.each(summarize.entry.examples)('gives what its example shows: $title', async ({ input, output }) => {
    const { kind, text } = await outputOf(provider, toRequest('summarize', input));

    expect(kind).toBe('text');
    expect(text).toBe(output.text);
  });

  it('returns sentences of the text only, in its order', async () => {
    const sentences = [
      'Rivers carve valleys.',
      'Glaciers move slowly but carry rocks.',
      'Wind shapes the dunes.',
      'Yes.',
    ];

    const { text = '' } = await outputOf(
      provider,
      toRequest('summarize', { text: sentences.join(' '), sentences: 2 }),
    );

    const kept = sentences.filter((sentence) => text.includes(sentence));
    expect(kept).toHaveLength(2);
    expect(text).toBe(kept.join(' '));
  });

  it('returns a text that is short already as it is', async () => {
    const { text } = await outputOf(provider, toRequest('summarize', { text: 'Only this.', sentences: 5 }));

    expect(text).toBe('Only this.');
  });
});

describe('detect-language', () => {
  it.each([
    ['오늘은 날씨가 좋습니다.', 'ko'],
    ['Příliš žluťoučký kůň úpěl ďábelské ódy.', 'cs'],
  ])('reads letters that are written in parts: %s', async (text, language) => {
    const found = await jsonOf(provider, toRequest('detect-language', { text: text.normalize('NFD') }));

    expect(found).toMatchObject({ language });
  });

  it.each([
    ['Le train part dans dix minutes.', 'fr', 'French'],
    ['Das Wetter ist heute sehr schön.', 'de', 'German'],
    ['The weather is very nice today.', 'en', 'English'],
    ['明日は晴れるでしょう。', 'ja', 'Japanese'],
  ])('says of "%s" that it is %s', async (text, language, name) => {
    const found = await jsonOf(provider, toRequest('detect-language', { text }));

    expect(found).toMatchObject({ language, name });
  });

  it('names the runners-up when it is asked to', async () => {
    const text = 'Buongiorno a tutti';

    const { candidates, confidence } = Languages.parse(
      await jsonOf(provider, toRequest('detect-language', { text, max_candidates: 4 })),
    );

    expect(candidates).toHaveLength(4);
    expect(candidates[0]?.confidence).toBe(confidence);
    expect(confidence).toBeGreaterThan(candidates[1]?.confidence ?? 1);
  });

  it('refuses text without letters', async () => {
    const view = await runModel(provider, toRequest('detect-language', { text: '12345 !' }));

    expect(view.error).toMatchObject({ code: 'validation_failed' });
  });
});

const Embeddings = z.object({ dimensions: z.int(), embeddings: z.array(z.array(z.number())) });
const Languages = z.object({
  confidence: z.number(),
  candidates: z.array(z.object({ confidence: z.number() })),
});

function cosine(a: number[], b: number[]): number {
  const dot = (x: number[], y: number[]) => x.reduce((sum, value, index) => sum + value * (y[index] ?? 0), 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}
