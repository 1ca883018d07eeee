import { runpodEmulator } from '@inferry/testing/emulators';
import { describeAdapter } from '../contract-suite/index.ts';
import { runpod } from './definition.ts';

const pictures = { nativeId: '4m7x2k9q', input: { workflow: { '1': {} } } };

describeAdapter({
  definition: runpod,
  emulator: runpodEmulator,
  samples: {
    happy: {
      nativeId: 'black-forest-labs-flux-1-dev',
      input: { prompt: 'a lighthouse', width: 1024, height: 1024 },
      outputs: ['image'],
    },
    streamed: { nativeId: '8vllm3k1', input: { prompt: 'A story', stream: true }, outputs: ['text'] },
    several: { ...pictures, outputs: ['image', 'image', 'image'] },
  },
  trap: (emulator) => emulator.quirks.add('error_in_output'),
  webhook(emulator, how) {
    const job = [...emulator.jobs.values()].at(-1);
    const body = { id: job?.id ?? 'none', status: 'COMPLETED', output: { image_url: 'https://a.example/x' } };
    const rawBody = Buffer.from(how === 'good' ? JSON.stringify(body) : '{}');
    return { headers: { 'content-type': 'application/json' }, rawBody, runId: 'run_0000000000000000000001' };
  },
});
