import model from 'wink-eng-lite-web-model';
import winkNlp, { type SentenceImportance, type WinkMethods } from 'wink-nlp';
import type { SummarizeInput } from '../models/summarize.ts';
import type { WorkerOutput } from '../worker-protocol.ts';
import { serveJobs, type WorkerJob } from './serve-jobs.ts';

let wink: WinkMethods | undefined;

serveJobs(summarize);

async function summarize({ input }: WorkerJob<SummarizeInput>): Promise<WorkerOutput[]> {
  wink ??= winkNlp(model, ['sbd', 'pos']);
  const document = wink.readDoc(input.text);
  const sentences = document.sentences().out();
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
