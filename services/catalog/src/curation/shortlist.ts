/** What is recommended for a purpose: the operator's own list, else what is featured and serves it (MR-12, MR-18). */
import type { ModelCard } from '../model-card.ts';
import type { Curation } from './curation.ts';

/** Operations on what there is already: models for these are tools, whatever their medium. */
const utilities: ReadonlySet<string> = new Set([
  'op:upscale',
  'op:remove-background',
  'op:transcribe',
  'op:caption',
  'op:ocr',
  'op:detect-objects',
  'op:segment',
  'op:depth',
  'op:denoise',
  'op:interpolate',
  'op:colorize',
  'op:vectorize',
  'op:embed',
  'op:summarize',
  'op:translate',
]);

export interface Shortlist {
  has(card: ModelCard): boolean;
  /** Its place in the list; undefined where the order is as in every other list. */
  placeOf(card: ModelCard): number | undefined;
}

export function shortlistFor(curation: Curation, purpose: string): Shortlist {
  const ids = curation.shortlistFor(purpose);
  if (ids === undefined) {
    return { has: (card) => card.isFeatured && serves(card, purpose), placeOf: () => undefined };
  }
  const places = new Map(ids.map((id, at) => [id, at]));
  return { has: ({ id }) => places.has(id), placeOf: ({ id }) => places.get(id) };
}

/** `utility` is what works on a thing; `image` and `video` are what makes one. Any other purpose is a category. */
function serves(card: ModelCard, purpose: string): boolean {
  const wanted = purpose.toLowerCase();
  const isUtility = isTool(card);
  if (wanted === 'utility') return isUtility;
  if (wanted !== 'image' && wanted !== 'video') return has(card.categories, wanted);
  return !isUtility && has(card.categories, wanted);
}

function isTool({ capabilities, categories }: ModelCard): boolean {
  if (has(categories, 'utility')) return true;
  const makesFromWords = capabilities.some((id) => /^io:text-to-(image|video)$/.test(id));
  return !makesFromWords && capabilities.some((id) => utilities.has(id.toLowerCase()));
}

function has(words: readonly string[], wanted: string): boolean {
  return words.some((word) => word.toLowerCase() === wanted);
}
