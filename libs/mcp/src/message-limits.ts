/** How large and how deep a message may be. */
import { callOf, createUpload, hint } from '@inferry/contracts';
import { type Refusal, refuse, refuseInvalid } from './refusal.ts';

/** Of a message with more bytes, which is not read. */
export function refuseSize(maxBytes: number): Refusal {
  return refuse(['body_too_large', `The body is larger than ${maxBytes} bytes.`], {
    nextAction: hint`Send files with ${callOf(createUpload)} or by URL, and pass the asset id.`,
  });
}

/** Deeper than any schema of ours, and far from where recursive readers run out of stack. */
const maxJsonDepth = 64;

export const tooDeep = refuseInvalid(`The body is nested deeper than ${maxJsonDepth}.`);

const quote = 0x22;
const backslash = 0x5c;

/** Counts brackets outside of strings; whether the text is JSON is for the parser to say. */
export function isTooDeep(text: string): boolean {
  // A text that has fewer characters cannot be deeper.
  if (text.length <= maxJsonDepth) return false;
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === quote) at = endOfString(text, at);
    // `[` and `{`, then `]` and `}`.
    else if (code === 0x5b || code === 0x7b) {
      depth += 1;
      if (depth > maxJsonDepth) return true;
    } else if (code === 0x5d || code === 0x7d) depth -= 1;
  }
  return false;
}

/** Long strings are most of a large body, so the search for their end is the engine's. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === backslash) slashes += 1;
    if (slashes % 2 === 0) return end;
  }
  return text.length;
}
