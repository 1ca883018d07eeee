/** What the Accept header of a GET asks for (RFC 9110, section 12.5.1), as far as pages need to know. */

/** More than any browser sends. */
const maxRanges = 32;

/**
 * Whether a browser asks: it names HTML, likes nothing that MCP is better, and waits for no stream. Programs that
 * take anything at all are answered as programs.
 */
export function asksForPage(accept: string | undefined): boolean {
  if (accept === undefined) return false;
  const weights = new Map<string, number>();
  for (const range of accept.toLowerCase().split(',', maxRanges)) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim());
    weights.set(type, weightIn(parameters));
  }
  const page = Math.max(weights.get('text/html') ?? 0, weights.get('application/xhtml+xml') ?? 0);
  return (
    page > 0 &&
    (weights.get('text/event-stream') ?? 0) === 0 &&
    page >= (weights.get('application/json') ?? 0)
  );
}

function weightIn(parameters: readonly string[]): number {
  const written = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2);
  if (written === undefined) return 1;
  const weight = Number(written);
  return written !== '' && weight >= 0 && weight <= 1 ? weight : 0;
}
