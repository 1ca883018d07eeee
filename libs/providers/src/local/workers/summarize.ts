import model from 'wink-eng-lite-web-model';
import winkNlp, { type SentenceImportance, type WinkMethods } from 'wink-nlp';
import type { SummarizeInput } from '../models/summarize.ts';
import { UnusableInput } from '../unusable-input.ts';
import type { WorkerOutput } from '../worker-protocol.ts';
import { serveJobs, type WorkerJob } from './serve-jobs.ts';

/** What is longer and has no end of a sentence is no sentence. */
const longestSentence = 400;

let wink: WinkMethods | undefined;

serveJobs(summarize);

async function summarize({ input }: WorkerJob<SummarizeInput>): Promise<WorkerOutput[]> {
  wink ??= winkNlp(model, ['sbd', 'pos']);
  const whole = input.text.normalize('NFC');
  const document = wink.readDoc(whole);
  const sentences = document.sentences().out();
  if (sentences.length <= 1 && whole.length > longestSentence) {
    throw new UnusableInput(
      'text: no sentences can be told apart in it, so that there is nothing to choose from. The model reads English with full stops.',
    );
  }
  // as: `out` is typed for every helper alike; this one gives an index and an importance for each sentence.
  const importances = document.out(wink.its.sentenceWiseImportance) as unknown as SentenceImportance[];
  const text = importances
    .toSorted((a, b) => b.importance - a.importance || a.index - b.index)
    .slice(0, input.sentences)
    .map(({ index }) => index)
    .sort((a, b) => a - b)
    .map((index) => (sentences[index] ?? '').trim())
    .join(' ');
  return [{ kind: 'text', contentType: 'text/plain; charset=utf-8', fileName: 'summary.txt', text }];
}
