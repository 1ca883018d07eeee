const allowed = /^[\p{L}\p{N}][\p{L}\p{N}._@+-]{0,199}$/u;

/** A user name as it is stored and looked up: case and ways of typing make no other name. Undefined: it is none. */
export function parseUserName(text: string): string | undefined {
  const name = text.trim().normalize('NFKC').toLowerCase();
  return allowed.test(name) ? name : undefined;
}
