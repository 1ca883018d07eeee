/**
 * The size that a result has when nobody asks for more: an agent pays for each byte of it in every later turn, and clients
 * show it the text or the structure, so that each is measured alone.
 */
import type { ContentBlock } from './content.ts';

export const maxShortBytes = 1_024;

const encoder = new TextEncoder();

export function bytesOf(text: string): number {
  return encoder.encode(text).length;
}

/** Whether a tool's result is short, as text and as structure. */
export function isShort(content: readonly ContentBlock[], structured: unknown): boolean {
  if (bytesOf(JSON.stringify(structured ?? {})) > maxShortBytes) return false;
  const said = content.map((block) => (block.type === 'text' ? block.text : ''));
  return bytesOf(said.join('\n')) <= maxShortBytes;
}

/** The most of `from` to `most` with which a result is short; `from` where none is. */
export function mostThatIsShort(from: number, most: number, isShortWith: (count: number) => boolean): number {
  let low = from;
  let high = most;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (isShortWith(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** The beginning of a text, not cut within a character. */
export function clip(text: string, length: number): string {
  if (text.length <= length) return text;
  const code = text.charCodeAt(length - 1);
  return `${text.slice(0, code >= 0xd800 && code <= 0xdbff ? length - 1 : length)}…`;
}
