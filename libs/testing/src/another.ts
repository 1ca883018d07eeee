/** Another character than this one, for a token to be tampered with: a fixed one is the right one now and then. */
export function another(character: string): string {
  return character === 'A' ? 'B' : 'A';
}
