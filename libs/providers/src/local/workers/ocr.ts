import { createRequire } from 'node:module';
import type { Worker } from 'tesseract.js';
import { packageFile } from '../package-files.ts';
import { UnusableInput } from '../unusable-input.ts';
import type { WorkerOutput } from '../worker-protocol.ts';
import { openPicture, orDamaged } from './open-picture.ts';
import { serveJobs, type WorkerJob } from './serve-jobs.ts';

const maxPixels = 50_000_000;
/** Tesseract gains nothing from more. */
const maxSide = 4096;

let reader: Promise<Worker> | undefined;
let onProgress: (fraction: number) => void = () => undefined;

serveJobs(read);

async function read({ file, progress }: WorkerJob<unknown>): Promise<WorkerOutput[]> {
  const { image } = await openPicture(file('image'), maxPixels);
  const png = await orDamaged(
    image
      .resize(maxSide, maxSide, { fit: 'inside', withoutEnlargement: true })
      .flatten({ background: '#ffffff' })
      .png({ compressionLevel: 1 })
      .toBuffer(),
  );
  onProgress = progress;
  reader ??= openReader();
  const { data } = await (await reader).recognize(png);
  const text = data.text.trim();
  if (text === '')
    throw new UnusableInput('image: no text was found in it. Send a sharper or larger picture of print.');
  return [{ kind: 'text', contentType: 'text/plain; charset=utf-8', fileName: 'text.txt', text }];
}

async function openReader(): Promise<Worker> {
  const { createWorker }: typeof import('tesseract.js') = createRequire(import.meta.url)('tesseract.js');
  const lstmOnly = 1;
  return await createWorker('eng', lstmOnly, {
    langPath: packageFile('@tesseract.js-data/eng', '4.0.0_best_int'),
    cacheMethod: 'none',
    gzip: true,
    logger: ({ status, progress }) => {
      if (status === 'recognizing text') onProgress(progress);
    },
  });
}
