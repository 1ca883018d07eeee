import { type Env, envInt, parseEnv } from '@inferry/runtime';
import { z } from 'zod';

const CatalogEnv = z.object({
  /** Seconds between two lists of a provider's models. */
  CATALOG_SYNC_SECONDS: envInt(5, 86_400).default(300),
  /** A JSON file with what is curated, hidden and called otherwise; read again when it changes. */
  CATALOG_FILE: z.string().optional(),
  /** How many wrappers one owner may have. */
  MAX_WRAPPERS: envInt(0, 10_000).default(100),
});

export interface CatalogConfig {
  syncIntervalMs: number;
  catalogFile: string | undefined;
  maxWrappers: number;
}

/** This service's part of the environment. Throws `ConfigError` with every problem. */
export function parseCatalogConfig(env: Env): CatalogConfig {
  const {
    CATALOG_SYNC_SECONDS: seconds,
    CATALOG_FILE: catalogFile,
    MAX_WRAPPERS: maxWrappers,
  } = parseEnv(CatalogEnv, env);
  return Object.freeze({ syncIntervalMs: seconds * 1_000, catalogFile, maxWrappers });
}
