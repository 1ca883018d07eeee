import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type ContractCase, contractCases } from '../contract-cases.ts';
import { catalogCases } from './catalog-cases.ts';
import { hostileCases } from './hostile-cases.ts';
import { pollCases } from './poll-cases.ts';
import type { ContractSubject } from './subject.ts';
import { submitCases } from './submit-cases.ts';
import { describeVectors } from './vectors.ts';
import { webhookCases } from './webhook-cases.ts';
import { World } from './world.ts';

export { type SeenRequest, type StandIn, startStandIn } from './stand-in.ts';
export { standardWebhook } from './standard-webhook.ts';
export type { ContractSubject, Sample } from './subject.ts';
export { refusalOf, World } from './world.ts';

const table = { ...submitCases, ...pollCases, ...hostileCases, ...catalogCases, ...webhookCases };

/**
 * What every adapter does alike, over its emulator: one test a case. A case that an adapter excepts is no test: its
 * reason is data, and stands in `docs/providers.md`.
 */
export function describeAdapter(subject: ContractSubject): void {
  const { definition } = subject;
  describe(`the ${definition.title} adapter`, () => {
    let world: World;
    beforeAll(async () => {
      world = await World.open(subject);
    });
    afterEach(() => world.emulator.reset());
    afterAll(() => world.close());

    // as: the keys of a literal table.
    for (const name of Object.keys(contractCases) as ContractCase[]) {
      if (definition.exceptions[name] !== undefined) continue;
      it(`${contractCases[name]} (${name})`, async () => {
        await table[name]?.(world);

        expect(world.emulator.violations).toEqual([]);
      });
    }

    it('says why each excepted case does not apply', () => {
      for (const reason of Object.values(definition.exceptions)) expect(reason.length).toBeGreaterThan(10);
      expect(Object.keys(table).sort()).toEqual(Object.keys(contractCases).sort());
    });

    describeVectors(definition.slug, () => world);
  });
}
