export { readComputeConfig } from './config.ts';
export { type ComputeOptions, createComputeService } from './service.ts';
