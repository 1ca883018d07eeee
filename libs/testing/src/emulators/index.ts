import { comfyuiEmulator } from './comfyui/emulator.ts';
import { containerEngineEmulator } from './containers/emulator.ts';
import { falEmulator } from './fal/emulator.ts';
import { bflEmulator } from './generic/bfl.ts';
import { lumaEmulator } from './generic/luma.ts';
import { runwayEmulator } from './generic/runway.ts';
import { huggingfaceEmulator } from './huggingface/emulator.ts';
import type { EmulatorDefinition } from './kit/index.ts';
import { modelrunnerEmulator } from './modelrunner/emulator.ts';
import { openaiEmulator } from './openai/emulator.ts';
import { replicateEmulator } from './replicate/emulator.ts';
import { runflowEmulator } from './runflow/emulator.ts';
import { runpodEmulator } from './runpod/emulator.ts';
import { runwareEmulator } from './runware/emulator.ts';

export { emulatorVariables } from './emulator-variables.ts';
export {
  type Answer,
  type EmulatedCall,
  type EmulatedJob,
  type EmulatedRoute,
  type Emulator,
  type EmulatorDefinition,
  type Emulators,
  type FailureKind,
  type JobState,
  type RecordedRequest,
  Refusal,
  type RouteKind,
  type Scenario,
  sampleFile,
  startEmulators,
} from './kit/index.ts';

/** Every emulated platform. One line each. */
export const emulatorDefinitions: readonly EmulatorDefinition[] = [
  openaiEmulator,
  huggingfaceEmulator,
  comfyuiEmulator,
  runpodEmulator,
  falEmulator,
  modelrunnerEmulator,
  runwareEmulator,
  runflowEmulator,
  replicateEmulator,
  bflEmulator,
  lumaEmulator,
  runwayEmulator,
];

export { falSigningKeys } from './fal/platform-routes.ts';
export { modelrunnerWebhookSecret } from './modelrunner/platform-routes.ts';
export { replicateWebhookSecret } from './replicate/emulator.ts';
export { openRunpodConsole, type RunpodConsole } from './runpod/console.ts';
export {
  bflEmulator,
  comfyuiEmulator,
  containerEngineEmulator,
  falEmulator,
  huggingfaceEmulator,
  lumaEmulator,
  modelrunnerEmulator,
  openaiEmulator,
  replicateEmulator,
  runflowEmulator,
  runpodEmulator,
  runwareEmulator,
  runwayEmulator,
};
