import { inferry } from '@inferry/profiles';
import { expect, test } from 'vitest';
import { createIdentity } from './identity.ts';

test('the instructions stand on their own within the 2,000 characters that every client keeps [X15]', () => {
  const serverInfo = {
    name: 'brand',
    title: 'A Brand With A Rather Long Name That Fills All 64 Characters....',
    version: '1',
  };
  const { instructions } = createIdentity(serverInfo, inferry);

  expect(instructions.length).toBeLessThanOrEqual(2_000);
  expect(instructions).toContain('A Brand With A Rather Long Name');
});
