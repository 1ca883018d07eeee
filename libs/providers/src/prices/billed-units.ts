/**
 * How much of what is billed an input asks for: how many, how large, how long, how much text. Each answer has the least
 * and the most that it can be, and names the fields that decide and cannot be read; it never guesses a number.
 */
import { isObject, type JsonObject } from '@inferry/contracts';

/** `most` is undefined where nothing bounds it. */
export interface Billed {
  least: number;
  most: number | undefined;
  unseen: string[];
}

interface Field {
  name: string;
  /** As given, or by its default; undefined where the platform has one of its own. */
  value: unknown;
  schema: JsonObject;
  isDefault: boolean;
}

/** An input with its schema, by the names of fields however they are spelt. */
export class PricedInput {
  readonly #fields = new Map<string, Field>();
  readonly #files: string[] = [];

  constructor(input: JsonObject, schema: JsonObject | undefined) {
    const properties = isObject(schema?.properties) ? schema.properties : {};
    const schemaOf = (name: string): JsonObject => {
      const own = Object.hasOwn(properties, name) ? properties[name] : undefined;
      return isObject(own) ? own : {};
    };
    for (const name of Object.keys(properties)) {
      const own = schemaOf(name);
      this.#add(name, { value: own.default ?? undefined, schema: own, isDefault: true });
      if (takesFile(own)) this.#files.push(name);
    }
    for (const [name, value] of Object.entries(input)) {
      if (value === null || value === undefined) continue;
      const own = schemaOf(name);
      const isDefault = own.default !== undefined && String(own.default) === String(value);
      this.#add(name, { value, schema: own, isDefault });
      if (isObject(value)) this.#addNested(value);
    }
  }

  /** `sampling_params: {max_tokens}`: one level below. */
  #addNested(value: JsonObject): void {
    for (const [name, nested] of Object.entries(value)) {
      if (!this.#fields.has(plainName(name)))
        this.#add(name, { value: nested, schema: {}, isDefault: false });
    }
  }

  #add(name: string, field: Omit<Field, 'name'>): void {
    this.#fields.set(plainName(name), { name, ...field });
  }

  /** The first of these fields that the model has. */
  field(names: readonly string[]): Field | undefined {
    return names.map((name) => this.#fields.get(name)).find((field) => field !== undefined);
  }

  fields(names: readonly string[]): Field[] {
    return names.flatMap((name) => this.#fields.get(name) ?? []);
  }

  /** Those that were given with another value than their default, and are no files. */
  changed(names: readonly string[]): string[] {
    const isFile = ({ name, value }: Field) =>
      this.#files.includes(name) || (typeof value === 'string' && /^(https?:|data:|asset_)/i.test(value));
    return this.#given(names)
      .filter((field) => !isFile(field))
      .map(({ name }) => name);
  }

  /** Those that were given, files or not. */
  given(names: readonly string[]): string[] {
    return this.#given(names).map(({ name }) => name);
  }

  #given(names: readonly string[]): Field[] {
    return this.fields(names).filter(
      ({ value, isDefault }) => !isDefault && value !== false && value !== undefined,
    );
  }

  /** What decides when no field says: the files that go in, else this word. */
  filesOr(word: string): string[] {
    return this.#files.length > 0 ? this.#files : [word];
  }
}

function takesFile(schema: JsonObject): boolean {
  const items = isObject(schema.items) ? schema.items : {};
  return schema['x-inferry-file'] !== undefined || items['x-inferry-file'] !== undefined;
}

/** `numImages`, `num_images` and `num-images` alike. */
function plainName(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '');
}

/** 5, "5" and "5e-1"; with `unit`, "5s" too. Never a guess. */
function numberOf(value: unknown, unit = ''): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) && value >= 0 ? value : undefined;
  if (typeof value !== 'string') return undefined;
  const text = value.trim().toLowerCase();
  const [, digits] =
    new RegExp(`^(\\d{1,15}(?:\\.\\d{1,15})?(?:e[+-]?\\d{1,2})?)\\s?(?:${unit})?$`).exec(text) ?? [];
  return digits === undefined ? undefined : Number(digits);
}

/** A field that is read as a number; what it may be where it is not said. */
function amountOf(field: Field, unit?: string): Billed {
  const given = numberOf(field.value, unit);
  if (given !== undefined) return { least: given, most: given, unseen: [] };
  const { minimum, maximum } = field.schema;
  const isOpen = field.value === undefined;
  return {
    least: isOpen && typeof minimum === 'number' ? Math.max(0, minimum) : 0,
    most: isOpen && typeof maximum === 'number' ? maximum : undefined,
    unseen: [field.name],
  };
}

const counts = [
  'numimages',
  'numoutputs',
  'numberresults',
  'numberofresults',
  'numberofimages',
  'numimagesperprompt',
  'imagecount',
  'nimages',
  'numsamples',
  'nsamples',
  'samplecount',
  'numvideos',
  'numberofvideos',
  'videocount',
  'numresults',
  'numgenerations',
  'numvariations',
  'numaudios',
  'numsongs',
  'count',
  'quantity',
  'n',
  'batchsize',
  'batchcount',
  'numbatches',
  'imagesnum',
  'numoutputimages',
];
/** At the most so many; there may be fewer. */
const ceilings = ['maximages', 'maxoutputs', 'maxresults'];

/** How many results are asked for. Every field that multiplies counts: batches of several. */
export function countIn(input: PricedInput): Billed {
  let [least, most, unseen]: [number, number | undefined, string[]] = [1, 1, []];
  for (const field of input.fields(counts)) {
    const amount = amountOf(field);
    least *= Math.max(1, amount.least);
    most = most === undefined || amount.most === undefined ? undefined : most * Math.max(1, amount.most);
    unseen = [...unseen, ...amount.unseen];
  }
  for (const field of input.fields(ceilings)) {
    const amount = amountOf(field);
    most = most === undefined || amount.most === undefined ? undefined : most * Math.max(1, amount.most);
    if (amount.most !== 1) unseen = [...unseen, field.name];
  }
  return { least, most, unseen };
}

const widths = ['width', 'imagewidth', 'outputwidth', 'videowidth'];
const heights = ['height', 'imageheight', 'outputheight', 'videoheight'];
const sizes = [
  'imagesize',
  'size',
  'outputsize',
  'videosize',
  'dimensions',
  'resolution',
  'imageresolution',
  'outputresolution',
];
const areas = ['megapixels', 'outputmegapixels', 'targetmegapixels'];
/** Every field by which a size is told. */
export const sizeFields = [...widths, ...heights, ...sizes, ...areas, 'aspectratio', 'ratio'];

/** Names that image models of several platforms share. */
const namedSizes: Readonly<Record<string, number>> = {
  square_hd: 1_024 * 1_024,
  square: 512 * 512,
  portrait_4_3: 768 * 1_024,
  portrait_16_9: 576 * 1_024,
  landscape_4_3: 1_024 * 768,
  landscape_16_9: 1_024 * 576,
};

/** Pixels of one result. */
export function pixelsIn(input: PricedInput): Billed {
  const exactly = (pixels: number): Billed => ({ least: pixels, most: pixels, unseen: [] });
  const [width, height] = [input.field(widths), input.field(heights)];
  const [wide, high] = [numberOf(width?.value), numberOf(height?.value)];
  if (wide !== undefined && high !== undefined) return exactly(wide * high);
  const given = input.fields(sizes);
  for (const { value } of given) {
    const pixels = sizeOf(value);
    if (pixels !== undefined) return exactly(pixels);
  }
  const area = numberOf(input.field(areas)?.value);
  // Either kind of megapixel.
  if (area !== undefined) return { least: area * 1e6, most: area * 1_048_576, unseen: [] };
  const ratio = input.field(['aspectratio', 'ratio']);
  for (const { value, name } of given) {
    const about = aboutSizeOf(value, ratioOf(ratio?.value));
    // How a platform rounds what it makes of a word and a ratio is its own.
    if (about !== undefined) return { least: about * 0.8, most: about * 1.25, unseen: [name] };
  }
  const names = [width, height, ...given, ratio].flatMap((field) => field?.name ?? []);
  return { least: 0, most: undefined, unseen: names.length > 0 ? names : input.filesOr('size') };
}

/** `{width, height}`, `1024x768`, `landscape_4_3`. */
export function sizeOf(value: unknown): number | undefined {
  if (isObject(value)) {
    const [width, height] = [numberOf(value.width), numberOf(value.height)];
    return width === undefined || height === undefined ? undefined : width * height;
  }
  if (typeof value !== 'string') return undefined;
  const text = value.trim().toLowerCase();
  if (Object.hasOwn(namedSizes, text)) return namedSizes[text];
  const [, width, height] = /^(\d{1,6})\s?(?:x|×|\*)\s?(\d{1,6})$/.exec(text) ?? [];
  return width === undefined ? undefined : Number(width) * Number(height);
}

/** `2K` is 2048 by 2048, or as many pixels in another shape; `720p` is a height. */
function aboutSizeOf(value: unknown, ratio: number | undefined): number | undefined {
  if (typeof value !== 'string') return undefined;
  const [, amount, unit] = /^(\d{1,4}(?:\.\d)?)\s?(k|p|mp)$/i.exec(value.trim()) ?? [];
  const number = Number(amount);
  switch (unit?.toLowerCase()) {
    case 'k':
      return (number * 1_024) ** 2;
    case 'p':
      return number * number * (ratio ?? 16 / 9);
    case 'mp':
      return number * 1_024 * 1_024;
    default:
      return undefined;
  }
}

function ratioOf(value: unknown): number | undefined {
  if (typeof value !== 'string') return undefined;
  const [, width, height] = /^(\d{1,4}(?:\.\d+)?)\s?[:/x]\s?(\d{1,4}(?:\.\d+)?)$/.exec(value.trim()) ?? [];
  if (width === undefined || Number(height) === 0) return undefined;
  const ratio = Number(width) / Number(height);
  return Math.max(ratio, 1 / ratio);
}

const durations = [
  'duration',
  'durationseconds',
  'durationsec',
  'durationsecs',
  'durationinseconds',
  'seconds',
  'numseconds',
  'secondstotal',
  'totalseconds',
  'videolength',
  'videoduration',
  'audiolength',
  'audioduration',
  'audiolengthseconds',
  'cliplength',
  'clipduration',
  'lengthseconds',
  'lengthinseconds',
  'targetduration',
  'outputduration',
  'length',
];
const milliseconds = ['durationms', 'musiclengthms', 'lengthms'];
const frames = ['numframes', 'framecount', 'videoframes', 'numberofframes', 'frames'];
const rates = ['fps', 'framespersecond', 'framerate'];
/** Every field by which a length is told. */
export const durationFields = [...durations, ...milliseconds, ...frames, ...rates];

/** Seconds of one result. */
export function secondsIn(input: PricedInput): Billed {
  const told = input.field(durations);
  const seconds = told === undefined ? undefined : amountOf(told, 's|secs?|seconds?');
  if (seconds !== undefined && seconds.unseen.length === 0) return seconds;
  const ms = numberOf(input.field(milliseconds)?.value);
  if (ms !== undefined) return { least: ms / 1_000, most: ms / 1_000, unseen: [] };
  const [shown, rate] = [input.field(frames), input.field(rates)];
  const [number, perSecond] = [numberOf(shown?.value), numberOf(rate?.value)];
  if (number !== undefined && perSecond !== undefined && perSecond > 0) {
    return { least: number / perSecond, most: number / perSecond, unseen: [] };
  }
  if (seconds !== undefined) return seconds;
  const names = [shown, rate].flatMap((field) => field?.name ?? []);
  return { least: 0, most: undefined, unseen: names.length > 0 ? names : input.filesOr('duration') };
}

const texts = [
  'text',
  'prompt',
  'input',
  'script',
  'content',
  'gentext',
  'ttstext',
  'inputtext',
  'texttospeak',
  'speech',
  'lyrics',
  'message',
  'messages',
  'transcript',
  'system',
  'systemprompt',
];

/** Characters that go in: where a text has such as take several units, each way of counting. */
export function charactersIn(input: PricedInput): Billed {
  const given = input
    .fields(texts)
    .flatMap(({ value, name }) => textOf(value).map((text) => ({ name, text })));
  if (given.length === 0) return { least: 0, most: undefined, unseen: input.filesOr('text') };
  const all = given.reduce((sum, { text }) => sum + text.length, 0);
  const points = given.map(({ text }) => [...text].length);
  const bytes = given.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0);
  if (bytes === all && given.length === 1) return { least: all, most: all, unseen: [] };
  // Which of several texts is billed is not said.
  const unseen = given.length > 1 ? given.map(({ name }) => name) : [];
  return { least: Math.min(...points), most: bytes, unseen };
}

function textOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (Array.isArray(value))
    return value.every((it) => typeof it === 'string') ? [value.join('')] : [JSON.stringify(value)];
  return [];
}

const limits = ['maxtokens', 'maxcompletiontokens', 'maxnewtokens', 'maxoutputtokens', 'maxlength'];

/** Tokens in and out: at most one for each byte that goes in, and what the limit lets come out for each answer. */
export function tokensIn(input: PricedInput): Billed {
  const field = input.field(limits);
  const limit = numberOf(field?.value);
  const said = charactersIn(input);
  const answers = countIn(input);
  const images = input.given([
    'images',
    'image',
    'imageurl',
    'imageurls',
    'inputimage',
    'files',
    'video',
    'audio',
  ]);
  const unseen = [
    ...(limit === undefined ? [field?.name ?? 'max_tokens'] : []),
    ...answers.unseen,
    ...images,
  ];
  const isBound = limit !== undefined && answers.most !== undefined && images.length === 0;
  return {
    least: 0,
    most: isBound ? (said.most ?? 0) + limit * (answers.most ?? 1) : undefined,
    unseen,
  };
}

/** What moves prices beside count, size and length: another value than the default is nothing that a plain price knows. */
export const moverFields = [
  'quality',
  'imagequality',
  'videoquality',
  'resolution',
  'imageresolution',
  'outputresolution',
  'mode',
  'tier',
  'variant',
  'modelvariant',
  'hd',
  'pro',
  'turbo',
  'upscale',
  'upscalefactor',
  'scale',
  'scalefactor',
  'generateaudio',
  'withaudio',
  'enableaudio',
  'includeaudio',
  'sound',
  'audio',
  'thinking',
  'thinkinglevel',
  'websearch',
  'enablewebsearch',
  'speed',
];
