import { createBus, createInProcessTransport } from '@inferry/bus';
import { scopes, toolsets } from '@inferry/contracts';
import { createOffer, isRefusal, type Offer, type Selection } from '@inferry/mcp';
import { inferry } from '@inferry/profiles';
import { describe, expect, test } from 'vitest';
import { toHttp } from '../http-refusal.ts';
import { readSelection, type SelectionSource } from './to-exchange.ts';

const bus = createBus(createInProcessTransport(), { name: 'test' });
const offerOf = (offered: Selection): Offer =>
  createOffer(inferry, {
    bus,
    offered,
    serverInfo: { name: 'test', title: 'Test', version: '1' },
    icons: [],
    hasSurfaces: false,
    extraTools: [],
  });

const everything: Selection = { toolsets: new Set(toolsets), excluded: new Set(), isReadOnly: false };

function namesFor(source: Partial<SelectionSource>, offered = everything): string[] {
  const offer = offerOf(offered);
  const selection = readSelection(offer, {
    url: '/mcp',
    toolsetsHeader: undefined,
    excludeHeader: undefined,
    readOnlyHeader: undefined,
    ...source,
  });
  if (isRefusal(selection)) throw new Error(selection.message);
  return [...offer.viewTools(selection, Object.keys(scopes)).byName.keys()];
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

  test('with all copies of a query, of which the empty ones say nothing', () => {
    expect(namesFor({ url: '/mcp?toolsets=&toolsets=run&toolsets=,' })).toEqual(runTools);
    expect(namesFor({ url: '/mcp?toolsets=run,files&toolsets=run' })).toEqual(runTools);
    expect(namesFor({ url: '/mcp?toolsets=run&exclude=run_model&exclude=cancel_run&readonly=0' })).toEqual([
      'get_run',
      'list_runs',
    ]);
    expect(namesFor({ url: '/mcp?toolsets=run&readonly=0&readonly=1' })).toEqual(['get_run', 'list_runs']);
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
  const selection = readSelection(offerOf(everything), {
    url: '/mcp?toolsets=nothing',
    toolsetsHeader: undefined,
    excludeHeader: undefined,
    readOnlyHeader: undefined,
  });

  expect(isRefusal(selection) && toHttp(selection)).toMatchObject({
    status: 400,
    message: expect.stringContaining('discover'),
  });
});
