export type { Limits, WindowHit, WindowRule, WindowVerdict } from './limits.ts';
