/** Media of files that go into a model or come out of it. */
export const media = ['image', 'video', 'audio', '3d', 'file'] as const;
export type Medium = (typeof media)[number];

const words: readonly [Medium, RegExp][] = [
  ['video', /(^|[_\s-])(videos?|movie|clip|footage|mp4)([_\s-]|$)/],
  ['audio', /(^|[_\s-])(audios?|voice_?(sample|clip|file|url)|speech|sounds?|song|music|wav|mp3)([_\s-]|$)/],
  [
    'image',
    /(^|[_\s-])(images?|img|photos?|pictures?|masks?|frames?|portrait|avatar|thumbnail|png|jpe?g)([_\s-]|$)/,
  ],
  ['3d', /(^|[_\s-])(mesh|glb|gltf|obj|3d|model_?file)([_\s-]|$)/],
  ['file', /(^|[_\s-])(files?|documents?|pdf|archive|zip)([_\s-]|$)/],
];

/** `imageUrl` and `image_url` alike. */
export function mediumOf(name: string): Medium | undefined {
  const plain = name.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase();
  return words.find(([, word]) => word.test(plain))?.[0];
}

export function isMedium(value: unknown): value is Medium {
  return media.some((medium) => medium === value);
}

/** The medium of a MIME type. */
export function mediumOfType(contentType: string): Medium {
  const [type = ''] = contentType.toLowerCase().split('/');
  if (type === 'image' || type === 'video' || type === 'audio') return type;
  return type === 'model' ? '3d' : 'file';
}
