export { createInProcessLimits, type InProcessLimitsOptions } from './in-process-limits.ts';
export type { Limits, WindowHit, WindowRule, WindowVerdict } from './limits.ts';
