import { getRun, listRuns, runModel } from '@inferry/contracts';
import { expect, it } from 'vitest';
import { timeoutOf } from './tools-call.ts';

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
])('a call that waits is answered within its wait and seven seconds', (tool, args, seconds) => {
  expect(timeoutOf(tool, args, wait)).toBe(seconds * 1_000 + 7_000);
});

it('any other call has what the client has patience for', () => {
  expect(timeoutOf(listRuns, {}, wait)).toBe(55_000);
});
