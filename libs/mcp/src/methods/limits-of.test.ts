import { cancelRun, getModel, getRun, listRuns, runModel, uploadFile, viewOutput } from '@inferry/contracts';
import { expect, it } from 'vitest';
import { limitsOf } from './tools-call.ts';

const wait = { defaultSeconds: 25, maxSeconds: 45 };

it.each([
  [runModel, {}, 25],
  [runModel, { wait_seconds: 0 }, 0],
  [runModel, { wait_seconds: '5' }, 5],
  [runModel, { wait_seconds: 600 }, 45],
  [runModel, { wait_seconds: null }, 25],
  [runModel, { wait_seconds: 'soon' }, 25],
  [getRun, { wait_seconds: 30 }, 30],
  [getRun, {}, 0],
  [listRuns, {}, 0],
  [cancelRun, {}, 0],
  [getModel, {}, 0],
])(
  'a call is answered within its wait and three seconds, the way to it included',
  (operation, args, seconds) => {
    expect(limitsOf({ tool: { operation }, args, wait })).toEqual({ timeoutMs: seconds * 1_000 + 2_500 });
  },
);

it('what letting the request in took is part of that', () => {
  const args = { wait_seconds: 2 };

  expect(limitsOf({ tool: { operation: runModel }, args, wait, heldMs: 1_200 })).toEqual({
    timeoutMs: 3_300,
  });
  expect(limitsOf({ tool: { operation: runModel }, args, wait, heldMs: 2_400 })).toEqual({
    timeoutMs: 2_400,
  });
});

it.each([uploadFile, viewOutput])(
  'a file has what the client has patience for, unless all are silent',
  (operation) => {
    expect(limitsOf({ tool: { operation }, args: {}, wait })).toEqual({
      timeoutMs: 55_000,
      patienceMs: 2_500,
    });
  },
);
