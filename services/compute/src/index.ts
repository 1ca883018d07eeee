export { type ComputeOptions, createComputeService } from './service.ts';
