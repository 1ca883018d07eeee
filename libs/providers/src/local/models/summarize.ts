import { z } from 'zod';
import { defineLocalModel } from '../local-model.ts';

export const summarizeInput = z.object({
  text: z.string().trim().min(1).max(100_000).describe('English text; at most 100000 characters.'),
  sentences: z.int().min(1).max(20).default(3).describe('How many sentences to keep at most.'),
});
export type SummarizeInput = z.infer<typeof summarizeInput>;

export const summarize = defineLocalModel({
  nativeId: 'summarize',
  title: 'Summarize (extractive)',
  summary: "Picks a text's most important sentences; it writes nothing of its own.",
  family: 'summarize',
  categories: ['text', 'text-to-text'],
  capabilities: ['io:text-to-text', 'op:summarize'],
  creator: 'winkNLP',
  tags: ['summary', 'extractive', 'nlp', 'cpu', 'no-key'],
  weight: 60,
  input: summarizeInput,
  output: z.object({ text: z.string().describe('The chosen sentences, in the order of the text.') }),
  examples: [
    {
      title: 'Two sentences of three',
      input: {
        text: 'The old bridge was closed on Monday. Engineers had found cracks in two of its main cables. It rained.',
        sentences: 2,
      },
      output: { text: '' },
      capability: 'op:summarize',
    },
    {
      title: 'The single most important sentence',
      input: {
        text: 'Bees dance. A honey bee tells the others where a field of flowers is by the angle and length of its dance. They all understand it.',
        sentences: 1,
      },
      output: { text: '' },
      capability: 'op:summarize',
    },
  ],
  readme: `
Returns the most important sentences of a text, word for word and in their order. It is extractive: no language model
writes new sentences.

## Made of
winkNLP (\`wink-nlp\`) with its English lite model (\`wink-eng-lite-web-model\`): sentence boundaries and parts of speech
are found by trained models, and a sentence weighs more the rarer its patterns of parts of speech are.

## Limits
- English, at most 100,000 characters and 20 sentences out.
- A pronoun may have lost the sentence that it refers to.

## Licence
Code and model: MIT.
`,
});
