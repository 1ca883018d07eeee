import type { JsonObject } from '@inferry/contracts';

/**
 * A window of `maxChars` characters into a section, from `offset`. A cut section is continued by adding `maxChars` to
 * `offset`, whatever its kind.
 */
export interface SectionWindow {
  offset: number;
  maxChars: number;
}

export interface Windowed<T> {
  value: T;
  /** There is more behind the window. */
  isCut: boolean;
}

export function windowOfText(text: string, { offset, maxChars }: SectionWindow): Windowed<string> {
  const end = offset + maxChars;
  return {
    value: text.slice(wholeCharacter(text, offset), wholeCharacter(text, end)),
    isCut: end < text.length,
  };
}

/** The items whose JSON begins within the window, so that following windows give each item once and whole. */
export function windowOfList<T>(items: readonly T[], { offset, maxChars }: SectionWindow): Windowed<T[]> {
  const shown: T[] = [];
  let at = 0;
  for (const item of items) {
    if (at >= offset + maxChars) return { value: shown, isCut: true };
    if (at >= offset) shown.push(item);
    at += JSON.stringify(item).length + 1;
  }
  return { value: shown, isCut: false };
}

/** An object as it is, or, when it does not fit, a piece of its JSON text. */
export function windowOfObject(value: JsonObject, window: SectionWindow): Windowed<JsonObject> {
  const text = JSON.stringify(value);
  if (window.offset === 0 && text.length <= window.maxChars) return { value, isCut: false };
  const { value: piece, isCut } = windowOfText(text, window);
  return { value: { partial_json: piece, total_chars: text.length }, isCut };
}

/** An index that does not stand between the two halves of a surrogate pair. */
function wholeCharacter(text: string, index: number): number {
  const code = text.charCodeAt(index);
  return code >= 0xdc00 && code <= 0xdfff ? index + 1 : index;
}
