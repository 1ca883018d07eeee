import { z } from 'zod';
import { defineLocalModel } from '../local-model.ts';

export const summarizeInput = z.object({
  text: z.string().trim().min(1).max(100_000).describe('English text; at most 100000 characters.'),
  sentences: z.int().min(1).max(20).default(3).describe('How many sentences to keep at most.'),
});
export type SummarizeInput = z.infer<typeof summarizeInput>;

const newsItem =
  'The city council voted on Tuesday to close the old iron bridge to all traffic. Engineers had found cracks in two of its main cables during a routine inspection last month. Some people were sad. The bridge, built in 1891, carries about nine thousand vehicles across the river every day. A temporary ferry will run every fifteen minutes from the market square until repairs are finished. The work is expected to cost four million euros and to take two years. It rained on the day of the vote.';

const bees =
  'Honey bees tell each other where to find food by dancing. A bee that has found a field of flowers returns to the hive and walks in a figure of eight. The angle of her dance shows the direction of the field relative to the sun. They like it.';

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
      title: 'Two sentences of a news item',
      input: { text: newsItem, sentences: 2 },
      output: {
        text: 'The city council voted on Tuesday to close the old iron bridge to all traffic. The bridge, built in 1891, carries about nine thousand vehicles across the river every day.',
      },
      capability: 'op:summarize',
    },
    {
      title: 'The single most important sentence',
      input: { text: bees, sentences: 1 },
      output: { text: 'Honey bees tell each other where to find food by dancing.' },
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
