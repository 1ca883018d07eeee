import type { WorkflowFile } from './wire.ts';
import enlarge from './workflows/enlarge-image.json' with { type: 'json' };
import draw from './workflows/text-to-image.json' with { type: 'json' };

/** Two small workflows to begin with, used until a folder of one's own is named. */
export const builtInWorkflows: readonly WorkflowFile[] = [
  {
    name: 'enlarge-image',
    graph: enlarge,
    side: {
      title: 'Enlarge image',
      summary: 'Image to image: enlarges a picture without a model, by Lanczos filtering.',
    },
  },
  {
    name: 'text-to-image',
    graph: draw,
    side: {
      title: 'Text to image',
      summary: 'Makes pictures from text with a Stable Diffusion XL checkpoint of your server.',
    },
  },
];
