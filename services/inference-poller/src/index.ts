export { type InferenceConfig, parseInferenceConfig } from './config.ts';
export { createInferenceService, type InferenceOptions } from './service.ts';
export { defaultTimings, type Timings } from './timings.ts';
