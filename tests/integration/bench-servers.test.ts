// The servers that the benches measure start and answer rightly: a figure of a refusal would say nothing.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { measureAll } from '../../bench/gateway/measure.ts';
import { Processes } from '../../bench/gateway/started.ts';
import { targets } from '../../bench/gateway/targets.ts';

describe('the bench of the gateway', () => {
  let processes: Processes;

  beforeAll(async () => {
    processes = await Processes.start();
    await processes.startService('catalog');
  });
  afterAll(() => processes.stop());

  it.each(targets.filter(({ name }) => /^(ours|l2$)/.test(name)))(
    'gets right answers of $label to all that it asks',
    async (target) => {
      const server = await processes.startServer(target);
      const wrong: string[] = [];

      await measureAll(processes, [server], {
        pace: { rounds: 1, seconds: 0.05, prewarmSeconds: 0.05, connections: [2] },
        onSample({ workload, sample }) {
          if (sample !== undefined) wrong.push(`${workload}: ${sample}`);
        },
      });

      expect(wrong).toEqual([]);
    },
  );
});
