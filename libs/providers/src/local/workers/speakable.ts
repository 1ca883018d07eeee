// English text as Flite can read it: signs become the words that a reader would say, and nothing is dropped unread.

/** Signs by the words for them. A sign that is not here and cannot be written in plain letters is refused by name. */
const words: Readonly<Record<string, string>> = {
  '\u2212': ' minus ',
  '\u00b1': ' plus or minus ',
  '\u00d7': ' times ',
  '\u00f7': ' divided by ',
  '\u2260': ' is not equal to ',
  '\u2248': ' is about ',
  '\u2264': ' is at most ',
  '\u2265': ' is at least ',
  '\u221e': ' infinity ',
  '\u221a': ' square root of ',
  '\u00b0': ' degrees ',
  '\u2030': ' per mille ',
  '\u00a3': ' pounds ',
  '\u20ac': ' euros ',
  '\u00a5': ' yen ',
  '\u20b9': ' rupees ',
  '\u00a2': ' cents ',
  '\u00a7': ' section ',
  '\u00b6': ' paragraph ',
  '\u00a9': ' copyright ',
  '\u00ae': ' registered ',
  '\u2122': ' trademark ',
  '\u00b5': ' micro ',
  '\u03bc': ' micro ',
  '\u2126': ' ohms ',
  '\u03a9': ' ohms ',
  '\u03c0': ' pi ',
  '\u2192': ' to ',
  '\u2190': ' from ',
  '\u2022': ', ',
  '\u00b7': ', ',
  '\u2026': '... ',
  '\u00bd': ' one half ',
  '\u2153': ' one third ',
  '\u2154': ' two thirds ',
  '\u00bc': ' one quarter ',
  '\u00be': ' three quarters ',
  '\u215b': ' one eighth ',
  '\u00b2': ' squared ',
  '\u00b3': ' cubed ',
};

/** Letters without an accent to take off, by the letters that they are written with where there is nothing else. */
const letters: Readonly<Record<string, string>> = {
  \u00df: 'ss',
  \u1e9e: 'SS',
  \u00f8: 'o',
  \u00d8: 'O',
  \u0142: 'l',
  \u0141: 'L',
  \u0111: 'd',
  \u0110: 'D',
  \u00f0: 'd',
  \u00d0: 'D',
  \u00fe: 'th',
  \u00de: 'Th',
  \u00e6: 'ae',
  \u00c6: 'Ae',
  \u0153: 'oe',
  \u0152: 'Oe',
  \u0131: 'i',
  \u0127: 'h',
  \u0126: 'H',
  \u014b: 'ng',
  \u014a: 'Ng',
  \u0138: 'k',
  \u0167: 't',
  \u0166: 'T',
};

const marks: Readonly<Record<string, string>> = {
  '\u2018': "'",
  '\u2019': "'",
  '\u201a': ',',
  '\u201c': '"',
  '\u201d': '"',
  '\u201e': '"',
  '\u00ab': '"',
  '\u00bb': '"',
  '\u2010': '-',
  '\u2011': '-',
  '\u2013': ', ',
  '\u2014': ', ',
  '\u00a1': '',
  '\u00bf': '',
  '\u00ad': '',
};

const temperatures: Readonly<Record<string, string>> = { C: 'Celsius', F: 'Fahrenheit' };
const currencies: Readonly<Record<string, string>> = {
  '\u00a3': 'pounds',
  '\u20ac': 'euros',
  '\u00a5': 'yen',
  '\u20b9': 'rupees',
};

interface Speakable {
  /** Plain ASCII. */
  text: string;
  /** Characters that cannot be said, each once. */
  unsaid: string[];
}

export function toSpeakable(text: string): Speakable {
  const unsaid = new Set<string>();
  const spoken = [...withPhrases(text.normalize('NFC'))].map((character) => {
    const said = sayOne(character);
    if (said === undefined) unsaid.add(character);
    return said ?? ' ';
  });
  return { text: spoken.join(''), unsaid: [...unsaid] };
}

/** What a reader says in another order, or of several signs at once. */
function withPhrases(text: string): string {
  return (
    text
      .replaceAll(/[\u2103\u2109]/g, (sign) => (sign === '\u2103' ? '\u00b0C' : '\u00b0F'))
      .replaceAll(/\s*\u00b0\s*([CF])\b/g, (_, scale: string) => ` degrees ${temperatures[scale]}`)
      .replaceAll(
        /([\u00a3\u20ac\u00a5\u20b9])\s*(\d[\d.,]*\d|\d)/g,
        (_, sign: string, sum: string) => `${sum} ${currencies[sign]}`,
      )
      .replaceAll(/(\d)([\u00bd\u00bc\u00be\u2153\u2154\u215b])/g, '$1 and $2')
      // Of a number, and not between words: there it is a dash.
      .replaceAll(/(^|[\s(=])-(?=\d)/g, '$1 minus ')
  );
}

function sayOne(character: string): string | undefined {
  if (/[\x20-\x7e\n]/.test(character)) return character;
  const known = words[character] ?? marks[character] ?? letters[character];
  if (known !== undefined) return known;
  if (/[\s\p{Mark}\p{Cf}\p{Cc}]/u.test(character)) return /\s/.test(character) ? ' ' : '';
  // An accent is taken off; what is then no plain letter or digit is another script, or a sign of its own.
  const plain = character
    .normalize('NFKD')
    .replaceAll(/\p{Mark}/gu, '')
    .replaceAll(/[^\x20-\x7e]/g, (rest) => letters[rest] ?? words[rest] ?? marks[rest] ?? '\u0000');
  return plain === '' || plain.includes('\u0000') ? undefined : plain;
}
