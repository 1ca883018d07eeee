export { parseUploadConfig, type UploadConfig } from './config.ts';
export { createUploadService, type UploadOptions } from './service.ts';
