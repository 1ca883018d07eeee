export { type CatalogConfig, parseCatalogConfig } from './config.ts';
export { type CatalogOptions, type CatalogParts, createCatalogService } from './service.ts';
