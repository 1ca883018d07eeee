/** What a sentence asks a model to do, as capability ids: whoever wants a picture of a cat looks for no word of a name. */

interface Intent {
  says: RegExp;
  /** Any of them is meant. */
  capabilities: readonly string[];
}

const picture =
  '(?:images?|pictures?|photos?|pics?|drawings?|paintings?|illustrations?|portraits?|logos?|posters?)';
const film = '(?:videos?|films?|clips?|animations?|movies?)';
const make = '(?:make|create|generate|draw|paint|render|design|produce)';
const sound = '(?:speech|audio|voices?|recordings?|podcasts?|interviews?)';
const page = '(?:images?|pictures?|photos?|scans?|screenshots?|receipts?|documents?)';
/** What stands between a preposition and its thing: "from this old", "into a short". */
const some = '(?:\\w+ ){0,3}';

/** "a to b", "b from a", "turn a into b": one thing made of another, in whichever order it is said. */
function madeOf(one: string, other: string): string {
  return `\\b${one} (?:in)?to ${some}${other}\\b|\\b${other} (?:from|out of) ${some}${one}\\b`;
}

/** Over the query in lower case without punctuation. The first that fits of each line counts. */
const intents: readonly Intent[] = [
  {
    says: new RegExp(
      `${madeOf(sound, '(?:text|words)')}|\\btranscri|\\bspeech recognition\\b|\\bsubtitles?\\b`,
    ),
    capabilities: ['op:transcribe'],
  },
  {
    says: new RegExp(
      `${madeOf('(?:text|words|article|script)', sound)}|\\bread\\b.*\\b(?:aloud|out loud)\\b|\\bspeak\\b|\\bvoice ?over\\b|\\bnarrat`,
    ),
    capabilities: ['op:text-to-speech'],
  },
  {
    says: new RegExp(`${madeOf(picture, film)}|\\banimate\\b|\\b${picture}\\b.*\\bto life\\b`),
    capabilities: ['io:image-to-video'],
  },
  {
    says: new RegExp(`${madeOf('text', film)}|\\b${make}\\b.*\\b${film}\\b|\\b${film} of\\b`),
    capabilities: ['io:text-to-video'],
  },
  {
    says: /\b(?:remove|erase|delete|cut out|transparent)\b.*\bbackgrounds?\b(?! noise)|\bbackgrounds? (?:remov|eras)/,
    capabilities: ['op:remove-background'],
  },
  {
    // Before what is in a picture: a text may be that.
    says: new RegExp(
      `\\bocr\\b|\\b(?:text|words) (?:from|out of|in|on) ${some}${page}\\b|\\bread\\b.*\\btext\\b.*\\b${page}\\b|\\bread ${some}${page}\\b`,
    ),
    capabilities: ['op:ocr'],
  },
  {
    says: new RegExp(
      `\\bcaption|\\bdescribe\\b.*\\b${picture}\\b|\\bwhat(?: is| s|s)? (?:in|on)\\b.*\\b${picture}\\b|\\b${picture} to text\\b|\\bvision\\b`,
    ),
    capabilities: ['op:caption', 'io:image-to-text'],
  },
  {
    says: /\b(?:enlarge|upscal|super resolution|bigger|sharpen|higher resolution)/,
    capabilities: ['op:upscale'],
  },
  {
    says: /\bdenois|\b(?:remove|reduce|suppress)\b.*\bnoise\b|\bnoise (?:removal|reduction)/,
    capabilities: ['op:denoise'],
  },
  {
    says: new RegExp(
      `${madeOf('text', picture)}|\\b${make}\\b.*\\b${picture}\\b|\\b${picture} of\\b|\\b${picture} generat`,
    ),
    capabilities: ['io:text-to-image'],
  },
  {
    says: new RegExp(`${madeOf(picture, picture)}|\\bedit\\b.*\\b${picture}\\b`),
    capabilities: ['io:image-to-image', 'op:edit'],
  },
  {
    says: /\b(?:detect|find|count)\b.*\bobjects?\b|\bobject detection\b/,
    capabilities: ['op:detect-objects'],
  },
  { says: /\bsummar/, capabilities: ['op:summarize'] },
  { says: /\btranslat/, capabilities: ['op:translate'] },
  { says: /\bembedd/, capabilities: ['op:embed'] },
  {
    says: /\b(?:make|create|generate|compose|write)\b.*\b(?:music|songs?)\b|\btext to music\b/,
    capabilities: ['op:music'],
  },
];

export interface Asked {
  capabilities: readonly string[];
  /** The words besides, which may name a model; what a picture is to be of names none. */
  rest: string;
}

/** What the words ask for; undefined where they name something else. */
export function intentOf(words: string): Asked | undefined {
  for (const { says, capabilities } of intents) {
    const found = says.exec(words);
    if (found !== null) {
      const rest = `${words.slice(0, found.index)} ${words.slice(found.index + found[0].length)}`;
      return { capabilities, rest: /\bof\b/.test(words) ? '' : rest };
    }
  }
  return undefined;
}
