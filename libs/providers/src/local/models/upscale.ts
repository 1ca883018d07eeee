import { z } from 'zod';
import { defineLocalModel, fileField, type LocalModel } from '../local-model.ts';
import { pictureField } from './picture.ts';
import { maxUpscalePixels } from './upscale-limits.ts';

export const upscaleInput = z.object({
  image: pictureField('The picture to enlarge.'),
  transparency: z
    .enum(['keep', 'flatten'])
    .default('keep')
    .describe(
      'keep: the output is transparent where the input is. flatten: put it on the background colour.',
    ),
  background: z
    .string()
    .regex(/^#[0-9a-fA-F]{6}$/)
    .default('#ffffff')
    .describe('Background colour as #rrggbb; used when transparency is flatten.'),
});
export type UpscaleInput = z.infer<typeof upscaleInput>;

/** PSNR of two test pictures that were scaled down and enlarged again. */
const measured = {
  2: 'Measured: 0.7 to 1.4 dB closer to the original than a bicubic enlargement.',
  4: 'Measured: edges look sharper than those of a bicubic enlargement, and the distance to the original is about the same (-0.5 to +0.1 dB). Faint grid patterns can appear. For fidelity run upscale-2x.',
} as const;

const output = z.object({ image: fileField('image', 'The enlarged picture as PNG.') });

export const upscale2x: LocalModel = defineUpscaler(2);
export const upscale4x: LocalModel = defineUpscaler(4);

function defineUpscaler(factor: 2 | 4): LocalModel {
  const megapixels = maxUpscalePixels[factor] / 1_048_576;
  const limits = `Pictures of up to ${megapixels} megapixels (${maxUpscalePixels[factor]} pixels).`;
  return defineLocalModel({
    nativeId: `upscale-${factor}x`,
    title: `Upscale ${factor}x`,
    summary: `Enlarges a picture to ${factor} times its width and height with a small neural network (ESRGAN).`,
    family: 'upscale',
    categories: ['image', 'image-to-image'],
    capabilities: ['io:image-to-image', 'op:upscale'],
    creator: 'UpscalerJS',
    tags: ['upscale', 'super-resolution', 'esrgan', 'cpu', 'no-key'],
    isFeatured: factor === 2,
    weight: factor === 2 ? 100 : 95,
    input: upscaleInput,
    output,
    examples: [
      {
        title: `A small photo, ${factor} times as large`,
        input: { image: 'https://example.com/photo-320x240.jpg' },
        output: { image: `https://example.com/photo-${320 * factor}x${240 * factor}.png` },
        capability: 'op:upscale',
      },
      {
        title: 'A logo with a transparent background, put on black',
        input: { image: 'https://example.com/logo.png', transparency: 'flatten', background: '#000000' },
        output: { image: `https://example.com/logo-${factor}x.png` },
        capability: 'op:upscale',
      },
    ],
    readme: `
Makes a picture ${factor} times as wide and as high. The work is done in tiles on one CPU core, with real progress.

## Made of
The ${factor}x network of ESRGAN-slim from \`@upscalerjs/esrgan-slim\` (0.9 MB of weights, 17 convolutions), run on
TensorFlow.js' WebAssembly backend (\`@energetic-ai/core\`). Tiles overlap by the network's whole field of view, so
the result is the same as in one piece. Transparency is enlarged apart from the colours, with Lanczos.

## Limits
- ${limits} A larger one is refused: scale it down first.
- Roughly 15,000 to 50,000 input pixels a second on one core.
- Only the first picture of an animation. The output is 8-bit sRGB PNG; metadata is dropped.
- ${measured[factor]}
- It sharpens what is there and restores no faces or text that cannot be read in the input.

## Licence
Code: MIT (\`@upscalerjs/esrgan-slim\`), Apache-2.0 (\`@energetic-ai/core\`, \`sharp\`; libvips is LGPL-3.0).
Weights: MIT (\`@upscalerjs/esrgan-slim\`).
`,
  });
}
