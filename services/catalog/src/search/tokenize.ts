/** Words that say nothing about which model is meant. */
const stopWords = new Set(
  'a an and any are as at be best by can for from get good how i in into is it its me my of on or please some that the this to use using want what which with you'.split(
    ' ',
  ),
);

/** Words that half of every catalog has: they weigh less, so that the telling word decides. */
const genericWords = new Set(
  'ai audio create edit fast generate generation generator image images make model models new photo picture pictures run speech text tool video videos'.split(
    ' ',
  ),
);

export interface QueryTerm {
  word: string;
  weight: number;
}

const genericWeight = 0.25;
/** More words than this tell a search nothing more. */
const maxQueryTerms = 12;

/** Lower case, without accents and punctuation: what names are compared by. */
export function normalize(value: string): string {
  return toWords(value).join(' ');
}

export function toWords(value: string): string[] {
  const plain = value.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
  return plain.match(/[\p{L}\p{N}]+/gu) ?? [];
}

/** Words as indexed for a name: also each neighbouring pair in one, so that `wan2` finds `Wan 2`. */
export function toNameWords(value: string): string[] {
  const words = toWords(value);
  const pairs = words.slice(1).map((word, index) => `${words[index]}${word}`);
  return [...words, ...pairs];
}

/** A word without what English adds to it: `upscaling` and `upscaler` are found by `upscal`. */
export function stemOf(word: string): string | undefined {
  const stem = /^(\p{L}{4,}?)(?:ings?|ers?|ed|es|s)$/u.exec(word)?.[1];
  return word.length < 6 ? undefined : stem;
}

export function toQueryTerms(query: string): QueryTerm[] {
  const words = [...new Set(toWords(query))];
  const telling = words.filter((word) => !stopWords.has(word));
  return (telling.length === 0 ? words : telling)
    .slice(0, maxQueryTerms)
    .map((word) => ({ word, weight: genericWords.has(word) ? genericWeight : 1 }));
}
