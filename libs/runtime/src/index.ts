export type { Parts, Readiness, Service } from './service.ts';
