import { createInProcessLimits } from '@inferry/limits';
import { addressKey, siteKey } from '@inferry/runtime';
import { describe, expect, it } from 'vitest';
import { countStranger } from './windows.ts';

const rule = { name: 'oauth-register', perAddress: 10, inAll: 100, windowMs: 600_000 };

/** How many of so many tries of these addresses pass, one after another. */
function countsOn() {
  const limits = createInProcessLimits();
  return async (addresses: readonly string[]): Promise<number> => {
    let passed = 0;
    for (const address of addresses) {
      if ((await countStranger(limits, addressKey(address), rule)).length === 0) passed += 1;
    }
    return passed;
  };
}

describe('what anybody may do', () => {
  it('is used up by no single site for everybody: all of a /48 is one', async () => {
    const pass = countsOn();
    const flood = Array.from({ length: 400 }, (_, n) => `2001:db8:1:${n.toString(16)}::1`);

    const flooded = await pass(flood);
    const others = await pass(['2001:db8:2::1', '192.0.2.7', '198.51.100.9']);

    expect(flooded).toBe(30);
    expect(others).toBe(3);
  });

  it('keeps a reserve for those who come for the first time, when many sites have used up the rest', async () => {
    const pass = countsOn();
    const sites = Array.from({ length: 10 }, (_, site) =>
      Array.from({ length: 12 }, () => `2001:db8:${site.toString(16)}::1`),
    );

    const flooded = await pass(sites.flat());
    const late = await pass(['192.0.2.7', '192.0.2.8']);
    const again = await pass(['192.0.2.7']);

    expect([flooded, late, again]).toEqual([100, 2, 0]);
  });

  it.each([
    ['2001:db8:1:2:3::4', '2001:db8:1::/48'],
    ['2001:db8:1:2::/64', '2001:db8:1::/48'],
    ['::1', '0:0:0::/48'],
    ['192.0.2.7', '192.0.2.7'],
  ])('counts %s as %s', (address, site) => {
    expect(siteKey(address)).toBe(site);
  });
});
