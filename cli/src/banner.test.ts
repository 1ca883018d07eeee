// Holds what a person is told of the models when the system is up.
import type { ProviderState } from '@inferry/contracts';
import { expect, test } from 'vitest';
import { formatBanner } from './banner.ts';

const since = Date.parse('2026-11-30T12:00:00Z');

function bannerOf(provider: Partial<ProviderState>): string {
  const fake = { slug: 'p', title: 'P', ready: true, models: 7, stale: false, capabilities: [] };
  const system = { mcpUrl: 'http://127.0.0.1:8080/mcp', home: '/home/ada', auth: 'none' } as const;
  return formatBanner({ ...system, providers: [{ ...fake, ...provider }], startedInMs: 900, since });
}

test.each([
  ['read since the start', { checked_at: '2026-11-30T12:00:01Z' }, 'P (7 models)'],
  ['read a moment before it', { checked_at: '2026-11-30T11:59:50Z' }, 'P (7 models)'],
  ['not read since an earlier start', { checked_at: '2026-11-29T12:00:00Z' }, 'P (7 models when last read)'],
  ['never read', { models: 0 }, 'P (its models are being read)'],
  [
    'of a platform without a key',
    { checked_at: '2026-11-30T12:00:01Z', ready: false },
    'P (7 models, not ready)',
  ],
])('a list that was %s is counted as such', (_what, provider, line) => {
  expect(bannerOf(provider)).toContain(line);
});
