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

/** Over the query in lower case without punctuation. The first that fits of each line counts. */
const intents: readonly Intent[] = [
  {
    says: /\b(?:speech|audio|voice|recordings?) to text\b|\btranscri|\bspeech recognition\b|\bsubtitles?\b/,
    capabilities: ['op:transcribe'],
  },
  {
    says: /\btext to (?:speech|audio|voice)\b|\bread\b.*\b(?:aloud|out loud)\b|\bspeak\b|\bvoice ?over\b|\bnarrat/,
    capabilities: ['op:text-to-speech'],
  },
  { says: new RegExp(`\\b${picture} to ${film}\\b|\\banimate\\b`), capabilities: ['io:image-to-video'] },
  {
    says: new RegExp(`\\btext to ${film}\\b|\\b${make}\\b.*\\b${film}\\b|\\b${film} of\\b`),
    capabilities: ['io:text-to-video'],
  },
  {
    says: /\b(?:remove|erase|delete|cut out|transparent)\b.*\bbackgrounds?\b(?! noise)|\bbackgrounds? (?:remov|eras)/,
    capabilities: ['op:remove-background'],
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
      `\\btext to ${picture}\\b|\\b${make}\\b.*\\b${picture}\\b|\\b${picture} of\\b|\\b${picture} generat`,
    ),
    capabilities: ['io:text-to-image'],
  },
  {
    says: new RegExp(`\\b${picture} to ${picture}\\b|\\bedit\\b.*\\b${picture}\\b`),
    capabilities: ['io:image-to-image', 'op:edit'],
  },
  { says: /\bocr\b|\bread\b.*\btext\b.*\b(?:image|picture|photo|scan)/, capabilities: ['op:ocr'] },
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
