import { openaiEmulator } from '@inferry/testing/emulators';
import { describeAdapter } from '../contract-suite/index.ts';
import { openai } from './definition.ts';

const picture = { nativeId: 'gpt-image-1', input: { prompt: 'a lighthouse' } };

describeAdapter({
  definition: openai,
  emulator: openaiEmulator,
  samples: {
    happy: { nativeId: 'sora-2', input: { prompt: 'waves' }, outputs: ['video'] },
    sync: { ...picture, outputs: ['image'] },
    streamed: { nativeId: 'gpt-4o-mini', input: { prompt: 'Say hello' }, outputs: ['text'] },
    several: { ...picture, input: { prompt: 'boats', n: 3 }, outputs: ['image', 'image', 'image'] },
  },
});
