/** What keys of platforms look like: they appear in errors that quote the request. */
const keyLike =
  /\b(?:sk|rk|pk|r8|hf|rpa|rf|key|whsec|Bearer|Key|Basic)[-_ ](?:live_|svc_|proj-|test_)?[A-Za-z0-9_\-+/=:.]{12,}/g;
const defaultLength = 300;

export interface CleanOptions {
  /** Never repeated, even in part of a longer word. */
  secrets?: readonly string[] | undefined;
  maxLength?: number;
}

/** A text in which none of the secrets stands; one that is too short to be one is left. */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  let clean = text;
  for (const secret of secrets) if (secret.length >= 4) clean = clean.replaceAll(secret, '[secret]');
  return clean;
}

/** A text without what looks like a key, and without the query of its links: signatures stand there. */
export function withoutKeys(text: string): string {
  return text.replace(keyLike, '[secret]').replace(/(https?:\/\/[^\s?"'<>]+)\?[^\s"'<>]*/g, '$1');
}

/**
 * A platform's own words as they may be shown: one line, short, without keys, without the query of a link (signatures
 * stand there) and without control characters.
 */
export function cleanText(
  text: string,
  { secrets = [], maxLength = defaultLength }: CleanOptions = {},
): string {
  // Cut first, so that the expressions below see a bounded text; a key at the cut would lose its end and be kept.
  const clean = withoutKeys(withoutSecrets(text.slice(0, maxLength * 8), secrets))
    .replace(/data:[a-z]+\/[a-z0-9.+-]+;base64,[A-Za-z0-9+/=]+/gi, '[data]')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is taken out.
    .replace(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]+/g, ' ')
    .replace(/\s+/g, ' ')
    .trim();
  return clean.length > maxLength ? `${clean.slice(0, maxLength - 1)}…` : clean;
}
