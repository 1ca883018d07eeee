import { expect, test } from 'vitest';
import { surfaceOf } from './surface.ts';

test('pins the subjects of a surface: the same requests for every service that has one', () => {
  const { service, ...requests } = surfaceOf('catalog');

  expect(service).toBe('catalog');
  expect(Object.values(requests).map(({ subject }) => subject)).toEqual([
    'rpc.v1.catalog.describe_surface',
    'rpc.v1.catalog.get_prompt',
    'rpc.v1.catalog.list_resources',
    'rpc.v1.catalog.read_resource',
    'rpc.v1.catalog.complete',
  ]);
});
