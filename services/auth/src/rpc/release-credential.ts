import type { Handler } from '@inferry/bus';
import type { releaseCredential } from '@inferry/contracts';
import { type PassthroughDeps, releasePassthrough } from '../vault/passthrough.ts';
import { refuseOtherProvider } from './open-credential.ts';

export function handleReleaseCredential(deps: PassthroughDeps): Handler<typeof releaseCredential> {
  return async ({ provider }, { principal: { subject }, run }) => {
    refuseOtherProvider(run, provider);
    return { released: await releasePassthrough(deps, { subject, provider }) };
  };
}
