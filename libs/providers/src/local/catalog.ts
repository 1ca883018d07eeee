import { createHash } from 'node:crypto';
import type { LocalModel } from './local-model.ts';
import { denoise } from './models/denoise.ts';
import { detectLanguage } from './models/detect-language.ts';
import { detectObjects } from './models/detect-objects.ts';
import { embed } from './models/embed.ts';
import { ocr } from './models/ocr.ts';
import { panAndZoom } from './models/pan-and-zoom.ts';
import { speech } from './models/speech.ts';
import { summarize } from './models/summarize.ts';
import { upscale2x, upscale4x } from './models/upscale.ts';
import { isInstalled } from './package-files.ts';

const base: readonly LocalModel[] = [
  upscale2x,
  upscale4x,
  speech,
  panAndZoom,
  denoise,
  embed,
  summarize,
  detectLanguage,
];

/** Offered only where all of their packages are installed. */
const optional: readonly { model: LocalModel; packages: readonly string[] }[] = [
  { model: detectObjects, packages: ['@vladmandic/human'] },
  { model: ocr, packages: ['tesseract.js', '@tesseract.js-data/eng'] },
];

/** The models that can run here, by native id. */
export function offeredModels(
  hasPackage: (name: string) => boolean = isInstalled,
): ReadonlyMap<string, LocalModel> {
  const extra = optional.filter(({ packages }) => packages.every(hasPackage)).map(({ model }) => model);
  return new Map([...base, ...extra].map((model) => [model.entry.nativeId, model]));
}

/** Changes when any entry does. */
export function catalogEtag(models: ReadonlyMap<string, LocalModel>): string {
  const entries = [...models.values()].map(({ entry }) => entry);
  return createHash('sha256').update(JSON.stringify(entries)).digest('base64url').slice(0, 22);
}
