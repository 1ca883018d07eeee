/** What of the tools a caller sees. */
import { toolsets } from '@inferry/contracts';
import { inferry } from '@inferry/profiles';
import { expect, test } from 'vitest';
import { createSelect, createToolViews } from './selection.ts';

const everything = { toolsets: new Set(toolsets), excluded: new Set<string>(), isReadOnly: false };

test('a view holds only what the scopes open, and the scope that opens the rest', () => {
  const view = createToolViews(inferry.tools)(everything, ['runs:read']);

  expect([...view.byName.keys()]).toEqual(['get_run', 'list_runs', 'list_assets', 'get_batch']);
  expect(view.missingScopes.get('run_model')).toBe('runs:write');
});

test('the library of files is shown to whoever names it, and not to whoever asks for all', () => {
  const select = createSelect(everything);
  const shown = (...names: string[]) => {
    const selection = select({ toolsets: names, excluded: [], isReadOnly: false });
    return 'toolsets' in selection ? selection.toolsets.has('assets') : undefined;
  };

  expect([shown(), shown('all'), shown('default'), shown('default,assets'), shown('all', 'assets')]).toEqual([
    ...[false, false, false, true, false],
  ]);
});
