import { z } from 'zod';
import { defineLocalModel } from '../local-model.ts';
import { pictureField } from './picture.ts';

export const detectObjectsInput = z.object({
  image: pictureField('The picture to look at.'),
  min_score: z
    .number()
    .min(0.05)
    .max(0.95)
    .default(0.3)
    .describe('Objects that are less certain are left out.'),
  max_objects: z.int().min(1).max(100).default(20).describe('How many objects to return at most.'),
});
export type DetectObjectsInput = z.infer<typeof detectObjectsInput>;

const Box = z.object({
  x: z.int().describe('Left edge in pixels'),
  y: z.int().describe('Top edge in pixels'),
  width: z.int().describe('Pixels'),
  height: z.int().describe('Pixels'),
});

const FoundObject = z.object({
  label: z.string().describe('One of 80 COCO classes, e.g. person'),
  score: z.number().describe('0..1'),
  box: Box.describe('Where it is in the picture'),
});

export const detectObjects = defineLocalModel({
  nativeId: 'detect-objects',
  title: 'Detect objects (CenterNet)',
  summary: 'Finds everyday objects of 80 kinds in a picture and says where they are.',
  family: 'detect-objects',
  categories: ['image', 'image-to-text', 'object-detection'],
  capabilities: ['io:image-to-text', 'op:detect-objects'],
  creator: 'Human library',
  tags: ['vision', 'detection', 'coco', 'cpu', 'no-key'],
  weight: 65,
  input: detectObjectsInput,
  output: z.object({
    width: z.int().describe('Width of the picture in pixels, after EXIF orientation'),
    height: z.int().describe('Height of the picture in pixels'),
    summary: z.string().describe('What was found, counted, e.g. "2 cups, 1 person"'),
    objects: z.array(FoundObject).describe('The most certain first'),
  }),
  examples: [
    {
      title: 'What is on the table?',
      input: { image: 'https://example.com/breakfast.jpg' },
      output: {
        width: 640,
        height: 480,
        summary: '1 cup, 1 dining table',
        objects: [
          { label: 'cup', score: 0.47, box: { x: 210, y: 140, width: 190, height: 170 } },
          { label: 'dining table', score: 0.4, box: { x: 0, y: 90, width: 640, height: 390 } },
        ],
      },
      capability: 'op:detect-objects',
    },
    {
      title: 'Only what is quite certain',
      input: { image: 'https://example.com/street.jpg', min_score: 0.6, max_objects: 5 },
      output: {
        width: 800,
        height: 600,
        summary: '1 person',
        objects: [{ label: 'person', score: 0.61, box: { x: 320, y: 80, width: 210, height: 500 } }],
      },
      capability: 'op:detect-objects',
    },
  ],
  readme: `
Finds objects of the 80 COCO classes and gives each a box and a score.

## Made of
A CenterNet with a MobileNetV3 backbone (4.2 MB of weights) from \`@vladmandic/human\`, run on TensorFlow.js'
WebAssembly backend. The model is offered when that package is installed.

## Limits
- The picture is scaled to 512x512 for the network; small things are missed. At most 50 megapixels.
- It is a small model: in our tests a cat came out as "dog".
- One pass, so there is no progress between start and end. 0.2 to 0.4 s on one core.

## Licence
Code and weights: MIT (\`@vladmandic/human\`, which names 610265158/mobilenetv3_centernet as the model's origin).
`,
});
