import { expect, it } from 'vitest';
import { parseCatalogConfig } from './config.ts';

it('syncs every five minutes unless told otherwise', () => {
  expect(parseCatalogConfig({}).syncIntervalMs).toBe(300_000);
  expect(parseCatalogConfig({ CATALOG_SYNC_SECONDS: '60' }).syncIntervalMs).toBe(60_000);
});

it('names the variable that is wrong', () => {
  expect(() => parseCatalogConfig({ CATALOG_SYNC_SECONDS: 'often' })).toThrow(/CATALOG_SYNC_SECONDS/);
});
