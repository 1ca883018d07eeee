/**
 * Reads request headers that have one value. Proxies and `fetch` join what arrives twice with a comma; equal copies say
 * nothing new, copies that differ are left as they came, for the reader to refuse. What is empty was not sent.
 */
export function oneValue(sent: string | string[] | undefined): string | undefined {
  const whole = (typeof sent === 'string' ? sent : sent?.join(', '))?.trim();
  if (whole === undefined || whole === '') return undefined;
  return whole.includes(',') ? withoutCopies(whole) : whole;
}

/** Far more copies than any chain of proxies makes. */
const maxParts = 32;

/** The value whose copies fill the header: it may have commas itself. */
function withoutCopies(whole: string): string {
  const parts = whole.split(',', maxParts + 1).map((part) => part.trim());
  if (parts.length > maxParts) return whole;
  const length = parts.findIndex((_, at) => at > 0 && isCopies(parts, at));
  return length === -1 ? whole : parts.slice(0, length).join(',');
}

function isCopies(parts: readonly string[], length: number): boolean {
  return parts.length % length === 0 && parts.every((part, at) => part === parts[at % length]);
}
