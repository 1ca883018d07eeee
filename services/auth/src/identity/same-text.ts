import { createHash, timingSafeEqual } from 'node:crypto';

/** Compares a secret with what came in, without telling by time how much of it was right. */
export function isSameText(one: string, other: string): boolean {
  return timingSafeEqual(digest(one), digest(other));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
