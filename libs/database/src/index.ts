export type { Database, Dialect, Queries } from './database.ts';
export { isUniqueViolation } from './failures.ts';
export { type DatabaseOptions, openDatabase } from './open-database.ts';
export type { ApiKeyRow, AssetRow, ModelRow, RunRow, Schema } from './schema.ts';
export { skipLocked } from './skip-locked.ts';
