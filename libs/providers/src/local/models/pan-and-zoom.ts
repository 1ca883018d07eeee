import { z } from 'zod';
import { defineLocalModel, fileField } from '../local-model.ts';
import { pictureField } from './picture.ts';

export const motions = ['zoom-in', 'zoom-out', 'pan-left', 'pan-right', 'pan-up', 'pan-down'] as const;

export const panAndZoomInput = z.object({
  image: pictureField('The picture to film.'),
  motion: z.enum(motions).default('zoom-in').describe('What the camera does.'),
  duration_seconds: z.number().min(0.5).max(10).default(3).describe('Length of the video in seconds.'),
  aspect_ratio: z
    .enum(['16:9', '9:16', '1:1', '4:3'])
    .default('16:9')
    .describe('Shape of the video; the picture is cropped to it.'),
  resolution: z
    .enum(['360p', '480p', '720p'])
    .default('480p')
    .describe('Length of the shorter side of the video.'),
  fps: z.literal([12, 24, 30]).default(24).describe('Frames per second.'),
  zoom: z
    .number()
    .min(1.05)
    .max(2)
    .default(1.3)
    .describe('How close the camera gets; 1.3 shows 77 % of the width.'),
});
export type PanAndZoomInput = z.infer<typeof panAndZoomInput>;

export const panAndZoom = defineLocalModel({
  nativeId: 'pan-and-zoom',
  title: 'Pan and zoom over a picture',
  summary:
    'Films a still picture with a moving camera (the Ken Burns effect). No neural network is involved.',
  family: 'pan-and-zoom',
  categories: ['video', 'image-to-video'],
  capabilities: ['io:image-to-video', 'op:animate'],
  creator: 'Inferry',
  tags: ['video', 'ken-burns', 'camera', 'no-neural-network', 'cpu', 'no-key'],
  isFeatured: true,
  weight: 85,
  input: panAndZoomInput,
  output: z.object({ video: fileField('video', 'The video as MP4 (H.264), without sound.') }),
  examples: [
    {
      title: 'Three seconds, slowly closer',
      input: { image: 'https://example.com/landscape.jpg' },
      output: { video: 'https://example.com/landscape.mp4' },
      capability: 'io:image-to-video',
    },
    {
      title: 'A portrait clip for a phone',
      input: {
        image: 'https://example.com/tower.jpg',
        motion: 'pan-up',
        aspect_ratio: '9:16',
        duration_seconds: 5,
        zoom: 1.5,
      },
      output: { video: 'https://example.com/tower.mp4' },
      capability: 'io:image-to-video',
    },
  ],
  readme: `
Moves a camera over a still picture and films it. **No neural network is involved**: nothing in the picture moves or is
invented. Use a model of another provider for generated motion.

## Made of
\`sharp\` reads and scales the picture, each frame is sampled between pixels so that slow movement is smooth, and
minih264 (\`h264-mp4-encoder\`, WebAssembly) writes the video. Progress advances with every frame.

## Limits
- 0.5 to 10 seconds at 12, 24 or 30 frames a second, up to 720p. The picture may have 50 megapixels.
- H.264 Baseline, no sound. Transparent parts become black.

## Licence
Code: Apache-2.0 (\`sharp\`; libvips is LGPL-3.0), MIT (\`h264-mp4-encoder\`), CC0 (minih264). There are no weights. H.264
is covered by patents in some countries.
`,
});
