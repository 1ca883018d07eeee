import { ConfigError, isObject } from '@inferry/contracts';

/** What a model of such a server does. `none`: nothing that can be run here, such as moderation. */
export const modelKinds = ['chat', 'image', 'speech', 'transcription', 'embedding', 'video', 'none'] as const;
export type ModelKind = (typeof modelKinds)[number];

/** Where the list has names only: the first rule that fits says what a name does. */
const rules: readonly [ModelKind, RegExp][] = [
  ['none', /moderation|rerank|realtime|^computer-use|-search-api/],
  ['transcription', /whisper|transcri|\basr\b|speech-to-text|\bstt\b|parakeet|canary/],
  ['speech', /(^|[-_/])tts($|[-_/:\d])|text-to-speech|kokoro|orpheus|bark|piper|xtts|\bvoice/],
  ['embedding', /embed|(^|[-_/])(bge|gte|e5|minilm|mpnet|nomic|labse|paraphrase|sentence-t5)([-_/:.]|$)/],
  [
    'video',
    /^sora|(^|[-_/])(veo|wan|kling|hunyuan-?video|ltx|cogvideo|mochi)([-_/.\d]|$)|text-to-video|-video/,
  ],
  [
    'image',
    /image|dall-?e|flux|stable-?diffusion|(^|[-_/])(sd|sdxl|sd3|imagen|recraft|ideogram|kandinsky|playground-v)([-_/.\d]|$)/,
  ],
];

/** As an operator says (`overrides`), else as the server says (`told`), else as the name does. */
export function kindOf(
  id: string,
  {
    overrides = new Map(),
    told,
  }: { overrides?: ReadonlyMap<string, ModelKind>; told?: ModelKind | undefined } = {},
): ModelKind {
  for (const [name, kind] of overrides) {
    if (name === id || (name.endsWith('*') && id.startsWith(name.slice(0, -1)))) return kind;
  }
  if (told !== undefined) return told;
  const name = id.toLowerCase();
  return rules.find(([, rule]) => rule.test(name))?.[0] ?? 'chat';
}

const kindsOfWords: readonly [RegExp, ModelKind][] = [
  [/^(embeddings?|feature-extraction|sentence-similarity)$/, 'embedding'],
  [/^(images?|image-generation|text-to-image|diffusion)$/, 'image'],
  [/^(videos?|text-to-video|image-to-video)$/, 'video'],
  [/^(transcriptions?|transcribe|asr|automatic-speech-recognition|speech-to-text)$/, 'transcription'],
  [/^(tts|text-to-speech|speech)$/, 'speech'],
  [/^(chat|llm|vlm|language|completion|text-generation|conversational|image-text-to-text)$/, 'chat'],
  [/^(moderation|rerank(er|ing)?)$/, 'none'],
];

/**
 * What the server itself says of a model, where it says more than OpenAI's list does: `type` or `task`, `pipeline_tag`, the
 * media that come out (`architecture.output_modalities`), `capabilities` as words or as switches.
 */
export function toldKind(listed: Readonly<Record<string, unknown>>): ModelKind | undefined {
  const { type, task, pipeline_tag: tag, kind, architecture, capabilities } = listed;
  const outputs = isObject(architecture) ? architecture.output_modalities : listed.output_modalities;
  const direct = [type, task, tag, kind].map(kindOfWord).find((it) => it !== undefined);
  if (direct !== undefined) return direct;
  const [output] = Array.isArray(outputs) ? outputs : [];
  if (output === 'text') return 'chat';
  if (output === 'audio') return 'speech';
  const medium = kindOfWord(output);
  if (medium !== undefined) return medium;
  const words = Array.isArray(capabilities)
    ? capabilities
    : isObject(capabilities)
      ? Object.entries(capabilities).flatMap(([name, is]) =>
          is === true ? [name.replace(/^completion_/, '')] : [],
        )
      : [];
  const found = words.map(kindOfWord).filter((it) => it !== undefined);
  // Whoever chats may do other things besides.
  return found.includes('chat') ? 'chat' : found[0];
}

function kindOfWord(word: unknown): ModelKind | undefined {
  if (typeof word !== 'string') return undefined;
  const plain = word.toLowerCase().replaceAll('_', '-');
  return kindsOfWords.find(([rule]) => rule.test(plain))?.[1];
}

/** Families of encoders, as Ollama names them. */
export function isEmbeddingFamily(
  details: { family?: string | null | undefined } | null | undefined,
): boolean {
  return /bert/i.test(details?.family ?? '');
}

/** `my-model=image,acme/*=none`. Throws on a kind that there is not. */
export function parseKinds(text: string | undefined): Map<string, ModelKind> {
  const entries = (text ?? '').split(',').flatMap((entry): [string, ModelKind][] => {
    if (entry.trim() === '') return [];
    const [name = '', wanted = ''] = entry.split('=').map((part) => part.trim());
    const kind = modelKinds.find((known) => known === wanted);
    if (name !== '' && kind !== undefined) return [[name, kind]];
    throw new ConfigError([
      `OPENAI_MODEL_KINDS: "${entry.trim().slice(0, 60)}" is not name=kind (${modelKinds.join(', ')})`,
    ]);
  });
  return new Map(entries);
}
