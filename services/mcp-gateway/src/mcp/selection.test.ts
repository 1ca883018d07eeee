import { toolsets } from '@inferry/contracts';
import { inferry } from '@inferry/profiles';
import { describe, expect, test } from 'vitest';
import { isRefusal } from '../refusal.ts';
import { createSelectionReader, offers, type Selection, type SelectionSource } from './selection.ts';
import { createToolViews } from './tool-views.ts';

const everything: Selection = { toolsets: new Set(toolsets), excluded: new Set(), isReadOnly: false };

function namesFor(source: Partial<SelectionSource>, offered = everything): string[] {
  const selection = createSelectionReader(offered)({
    url: '/mcp',
    toolsetsHeader: undefined,
    excludeHeader: undefined,
    readOnlyHeader: undefined,
    ...source,
  });
  if (isRefusal(selection)) throw new Error(selection.message);
  return inferry.tools.filter((tool) => offers(selection, tool)).map(({ name }) => name);
}

const runTools = ['run_model', 'get_run', 'list_runs', 'cancel_run'];

describe('a request selects tools', () => {
  test('by query', () => {
    expect(namesFor({ url: '/mcp?toolsets=run' })).toEqual(runTools);
  });

  test('by path', () => {
    expect(namesFor({ url: '/mcp/x/run' })).toEqual(runTools);
  });

  test('by path, reading only', () => {
    expect(namesFor({ url: '/mcp/x/run/readonly' })).toEqual(['get_run', 'list_runs']);
  });

  test('by header', () => {
    expect(namesFor({ toolsetsHeader: 'run, account' })).toEqual([...runTools, 'get_account']);
  });

  test('with an exclusion that wins over every inclusion', () => {
    const names = namesFor({ url: '/mcp?toolsets=run&exclude=run_model', excludeHeader: 'cancel_run' });

    expect(names).toEqual(['get_run', 'list_runs']);
  });

  test('with read-only that no other source can lift', () => {
    const names = namesFor({ url: '/mcp?toolsets=run&readonly=1', readOnlyHeader: 'false' });

    expect(names).toEqual(['get_run', 'list_runs']);
  });

  test('as the meeting of all sources', () => {
    expect(namesFor({ url: '/mcp?toolsets=run,files', toolsetsHeader: 'run' })).toEqual(runTools);
  });

  test('within what the deployment offers', () => {
    const offered: Selection = {
      toolsets: new Set(['run']),
      excluded: new Set(['run_model']),
      isReadOnly: true,
    };

    expect(namesFor({ url: '/mcp?toolsets=run,files' }, offered)).toEqual(['get_run', 'list_runs']);
  });
});

test('a request that names no toolset sees the default ones', () => {
  expect(namesFor({})).toHaveLength(11);
});

test('an unknown toolset is refused with the known ones', () => {
  const selection = createSelectionReader(everything)({
    url: '/mcp?toolsets=nothing',
    toolsetsHeader: undefined,
    excludeHeader: undefined,
    readOnlyHeader: undefined,
  });

  expect(selection).toMatchObject({ status: 400, message: expect.stringContaining('discover') });
});

test('a view holds only what the scopes open, and the scope that opens the rest', () => {
  const view = createToolViews(inferry.tools)(everything, ['runs:read']);

  expect([...view.byName.keys()]).toEqual(['get_run', 'list_runs']);
  expect(view.missingScopes.get('run_model')).toBe('runs:write');
});
