import { bflEmulator, lumaEmulator, runwayEmulator } from '@inferry/testing/emulators';
import { type ContractSubject, describeAdapter } from '../contract-suite/index.ts';
import { describedPlatforms } from './built-in.ts';

const subjects: Record<string, Pick<ContractSubject, 'emulator' | 'samples'>> = {
  bfl: {
    emulator: bflEmulator,
    samples: { happy: { nativeId: 'flux-dev', input: { prompt: 'a lighthouse' }, outputs: ['image'] } },
  },
  luma: {
    emulator: lumaEmulator,
    samples: { happy: { nativeId: 'ray-2', input: { prompt: 'waves', loop: true }, outputs: ['video'] } },
  },
  runway: {
    emulator: runwayEmulator,
    samples: {
      happy: {
        nativeId: 'gen4_turbo',
        input: { promptImage: 'https://example.com/a.png', ratio: '1280:720' },
        outputs: ['video'],
      },
      several: {
        nativeId: 'gen4_turbo',
        input: { promptImage: 'https://example.com/a.png', ratio: '1280:720' },
        outputs: ['video', 'video', 'video'],
      },
    },
  },
};

for (const definition of describedPlatforms) {
  const subject = subjects[definition.slug];
  if (subject === undefined) throw new Error(`${definition.slug} has no emulator`);
  describeAdapter({ definition, ...subject });
}
