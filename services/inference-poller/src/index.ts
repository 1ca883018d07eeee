export { type InferenceConfig, parseInferenceConfig } from './config.ts';
export { inferenceDefinition } from './definition.ts';
export { type LedgerReport, verifyLedger } from './runs/verify-ledger.ts';
export { createInferenceService, type InferenceOptions } from './service.ts';
export { defaultTimings, type Timings } from './timings.ts';
