import { expect, it } from 'vitest';
import { brokenPromises, runTrial } from '../trial/trial.ts';

it('keeps every promise in a short trial: replicas killed and frozen, links and hosts cut, clocks set wrongly', async () => {
  const report = await runTrial({
    ...{ runs: 16, seconds: 6, seed: 20, replicas: 2, faultEveryMs: 1_200, restMs: 240_000 },
    ...{ env: {}, isGentle: true, say: () => undefined },
  });

  // How quickly a loaded machine answers is for the long trial to say, and where a poller died before its call had left is
  // known after two minutes: nothing here waits for less.
  const { details } = report;
  const broken = brokenPromises({ ...report, late_answers: 0 });
  expect(broken, details.join('\n')).toEqual([]);
  expect(report.terminal).toBe(report.rows);
  expect(report.submissions).toBeGreaterThan(0);
  expect(report.faults).toBeGreaterThan(1);
}, 420_000);
