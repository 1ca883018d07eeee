import type { Bus } from '@inferry/bus';
import { getAccount, getRun, readAccess, readRevocations, verifyKey } from '@inferry/contracts';
import { doneRun, quickReply, runSteps, stepsRun } from './answers.ts';

const whole = { run: doneRun };

/** Serves what the bench calls; keys are all good, since what is measured is the gateway and not who issued them. */
export function serveBench(bus: Bus): void {
  bus.serve(getAccount, async () => quickReply);
  bus.serve(getRun, async ({ run_id: id, wait_seconds: waitSeconds }, { progress }) => {
    if (id === doneRun.run_id) return whole;
    const told = await runSteps(waitSeconds, (done, total) => progress({ progress: done / total }));
    return id === stepsRun ? whole : told;
  });
  bus.serve(verifyKey, async ({ key_sha256: sha256 }) => ({
    principal: { subject: 'bench', grant_id: `key_${sha256.slice(0, 8)}`, kind: 'api_key', scopes: ['mcp'] },
    cache_seconds: 60,
  }));
  bus.serve(readAccess, async ({ providers }) => ({
    providers: providers.map(({ slug, needs_key: needsKey }) => ({
      slug,
      state: needsKey ? 'missing' : 'open',
    })),
    may_use_deployment: false,
  }));
  bus.serve(readRevocations, async () => ({ items: [], latest: 0 }));
}
