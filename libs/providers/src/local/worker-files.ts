/** Each family of models has one worker file in `workers/`, named after it. */
export const workerFamilies = [
  'upscale',
  'speech',
  'denoise',
  'embed',
  'summarize',
  'detect-language',
  'pan-and-zoom',
  'detect-objects',
  'ocr',
] as const;

export type WorkerFamily = (typeof workerFamilies)[number];

/**
 * Where a family's worker is: the one place that knows. From source it is the TypeScript file; a bundle carries each
 * worker as `workers/<family>.js` beside the chunk that holds this module.
 */
export function workerFile(family: WorkerFamily): URL {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return new URL(`./workers/${family}.${extension}`, import.meta.url);
}
