import { z } from 'zod';
import { defineLocalModel, fileField } from '../local-model.ts';

export const denoiseInput = z.object({
  audio: fileField(
    'audio',
    'WAV file with 1 or 2 channels: PCM of 8, 16, 24 or 32 bits or float; at most 64 MiB and 10 minutes.',
  ),
  strength: z
    .number()
    .min(0)
    .max(1)
    .default(1)
    .describe('1: all of the noise that was found is removed. 0: the sound is left as it is.'),
});
export type DenoiseInput = z.infer<typeof denoiseInput>;

export const denoise = defineLocalModel({
  nativeId: 'denoise',
  title: 'Remove noise from speech (RNNoise)',
  summary: 'Takes steady background noise out of a voice recording with a recurrent neural network.',
  family: 'denoise',
  categories: ['audio', 'audio-to-audio'],
  capabilities: ['io:audio-to-audio', 'op:denoise'],
  creator: 'Xiph.Org',
  tags: ['audio', 'noise', 'speech', 'rnnoise', 'cpu', 'no-key'],
  weight: 80,
  input: denoiseInput,
  output: z.object({ audio: fileField('audio', 'The cleaned sound as WAV, 48 kHz, 16 bit.') }),
  examples: [
    {
      title: 'A voice memo with a fan in the background',
      input: { audio: 'https://example.com/memo.wav' },
      output: { audio: 'https://example.com/memo-clean.wav' },
      capability: 'op:denoise',
    },
    {
      title: 'Leave some of the room in',
      input: { audio: 'https://example.com/interview.wav', strength: 0.7 },
      output: { audio: 'https://example.com/interview-clean.wav' },
      capability: 'op:denoise',
    },
  ],
  readme: `
Lowers fans, hum, hiss and traffic behind a voice, and keeps the voice. Music is treated as noise.

## Made of
Xiph's RNNoise, a small recurrent network over 10 ms frames at 48 kHz, compiled to WebAssembly
(\`@echogarden/rnnoise-wasm\`). Other sample rates are converted with a windowed sinc filter. Each channel is cleaned
on its own, and the network's delay is taken out, so the result lines up with the input.

## Limits
- WAV only, 1 or 2 channels, at most 64 MiB and 10 minutes. Convert other formats first.
- The output is always 48 kHz with 16 bits.
- It takes a second or two to learn the noise. Measured on steady noise: 14 to 45 dB less; on faint white noise up to
  20 kHz only a few dB. Speech that is nearly drowned stays garbled.

## Licence
Code and weights: BSD-3-Clause.
`,
});
