/** What a model of such a server does. `none`: nothing that can be run here, such as moderation. */
export const modelKinds = ['chat', 'image', 'speech', 'transcription', 'embedding', 'video', 'none'] as const;
export type ModelKind = (typeof modelKinds)[number];

/** The list of models has names only: the first rule that fits says what a name does. */
const rules: readonly [ModelKind, RegExp][] = [
  ['none', /moderation|rerank|realtime|^computer-use|-search-api/],
  ['transcription', /whisper|transcri|\basr\b|speech-to-text|\bstt\b|parakeet|canary/],
  ['speech', /(^|[-_/])tts($|[-_/:\d])|text-to-speech|kokoro|orpheus|bark|piper|xtts|\bvoice/],
  ['embedding', /embed|(^|[-_/])(bge|gte|e5|minilm|nomic)([-_/]|$)/],
  [
    'video',
    /^sora|(^|[-_/])(veo|wan|kling|hunyuan-?video|ltx|cogvideo|mochi)([-_/.\d]|$)|text-to-video|-video/,
  ],
  [
    'image',
    /image|dall-?e|flux|stable-?diffusion|(^|[-_/])(sd|sdxl|sd3|imagen|recraft|ideogram|kandinsky|playground-v)([-_/.\d]|$)/,
  ],
];

export function kindOf(id: string, overrides: ReadonlyMap<string, ModelKind> = new Map()): ModelKind {
  for (const [name, kind] of overrides) {
    if (name === id || (name.endsWith('*') && id.startsWith(name.slice(0, -1)))) return kind;
  }
  const name = id.toLowerCase();
  return rules.find(([, rule]) => rule.test(name))?.[0] ?? 'chat';
}

/** `my-model=image,acme/*=none`. Throws on a kind that there is not. */
export function parseKinds(text: string | undefined): Map<string, ModelKind> {
  const entries = (text ?? '').split(',').flatMap((entry): [string, ModelKind][] => {
    if (entry.trim() === '') return [];
    const [name = '', wanted = ''] = entry.split('=').map((part) => part.trim());
    const kind = modelKinds.find((known) => known === wanted);
    if (name !== '' && kind !== undefined) return [[name, kind]];
    throw new Error(
      `OPENAI_MODEL_KINDS: "${entry.trim().slice(0, 60)}" is not name=kind (${modelKinds.join(', ')})`,
    );
  });
  return new Map(entries);
}
