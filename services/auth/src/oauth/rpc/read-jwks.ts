import type { Handler } from '@inferry/bus';
import type { readJwks } from '@inferry/contracts';
import { audiencesOf } from '../policy/resource.ts';
import type { KeyRing } from '../signing/key-ring.ts';

/** Tells gateways what access tokens are verified with; they keep it, and verify without us. */
export function handleReadJwks({
  ring,
  issuer,
}: {
  ring: KeyRing;
  issuer: string;
}): Handler<typeof readJwks> {
  return async () => ({
    issuer,
    audiences: audiencesOf(issuer),
    keys: ring.jwks().map((jwk) => ({ ...jwk })),
  });
}
