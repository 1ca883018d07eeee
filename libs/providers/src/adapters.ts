import { comfyui } from './comfyui/definition.ts';
import type { AdapterDefinition } from './definition.ts';
import { fal } from './fal/definition.ts';
import { describedPlatforms } from './generic/built-in.ts';
import { huggingface } from './huggingface/definition.ts';
import { modelrunner } from './modelrunner/definition.ts';
import { openai, openaiPresets } from './openai/definition.ts';
import { replicate } from './replicate/definition.ts';
import { runflow } from './runflow/definition.ts';
import { runpod } from './runpod/definition.ts';
import { runware } from './runware/definition.ts';

/** Every built-in adapter besides the local models, in the order of the documentation. One line each. */
export const adapters: readonly AdapterDefinition[] = [
  openai,
  // Servers of one's own with OpenAI's API.
  ...openaiPresets,
  runpod,
  fal,
  modelrunner,
  runware,
  runflow,
  replicate,
  huggingface,
  comfyui,
  ...describedPlatforms,
];
