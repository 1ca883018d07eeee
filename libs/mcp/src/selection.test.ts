/** What of the tools a caller sees. */
import { toolsets } from '@inferry/contracts';
import { inferry } from '@inferry/profiles';
import { expect, test } from 'vitest';
import { createToolViews } from './selection.ts';

const everything = { toolsets: new Set(toolsets), excluded: new Set<string>(), isReadOnly: false };

test('a view holds only what the scopes open, and the scope that opens the rest', () => {
  const view = createToolViews(inferry.tools)(everything, ['runs:read']);

  expect([...view.byName.keys()]).toEqual(['get_run', 'list_runs']);
  expect(view.missingScopes.get('run_model')).toBe('runs:write');
});
