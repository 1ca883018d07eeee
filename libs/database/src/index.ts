export type { Database, Dialect, Queries } from './database.ts';
export type { ApiKeyRow, AssetRow, ModelRow, RunRow, Schema } from './schema.ts';
