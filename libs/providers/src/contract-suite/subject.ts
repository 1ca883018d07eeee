import type { Emulator, EmulatorDefinition } from '@inferry/testing/emulators';
import type { AdapterDefinition } from '../definition.ts';
import type { InboundWebhook, InputFile, ProviderOutput, SubmitRequest } from '../provider.ts';

/** A run that the emulator can do. */
export interface Sample {
  nativeId: string;
  input: SubmitRequest['input'];
  files?: Readonly<Record<string, InputFile>>;
  options?: SubmitRequest['options'];
  tags?: SubmitRequest['tags'];
  /** The kinds of its outputs, in their order. */
  outputs: ProviderOutput['kind'][];
}

/** One adapter with its emulator, and what to run there. A sample that is absent needs an exception in the definition. */
export interface ContractSubject {
  definition: AdapterDefinition;
  emulator: EmulatorDefinition;
  settings?: Readonly<Record<string, string>>;
  samples: {
    /** The platform's main way: submit, then poll, where it has one. */
    happy: Sample;
    /** Answers in the same call. */
    sync?: Sample;
    /** `watch` pushes before the end. */
    streamed?: Sample;
    /** Three outputs, with `outputs: 3` in the scenario and whatever the input needs. */
    several?: Sample;
  };
  /** Makes the next job reach a terminal state that is no success, in the platform's own way. */
  trap?(emulator: Emulator): void;
  /** A webhook as the platform would send it for the last job. `now` is the emulator's clock. */
  webhook?(emulator: Emulator, how: 'good' | 'forged' | 'stale'): InboundWebhook | Promise<InboundWebhook>;
}
