export {
  type Answer,
  type EmulatedCall,
  type EmulatedRoute,
  type EmulatorDefinition,
  Refusal,
} from './definition.ts';
export { type EmulatedJob, Emulator, foreignOrigin, type RecordedRequest } from './emulator.ts';
export type { FailureKind } from './failure-kind.ts';
export { type SampleFile, sampleFile } from './samples.ts';
export type { JobFailure, JobState, RouteKind, Scenario } from './scenario.ts';
export { type Emulators, type StartEmulatorsOptions, startEmulators } from './start-emulators.ts';
