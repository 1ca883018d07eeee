import type { IncomingMessage } from 'node:http';
import type { Bus } from '@inferry/bus';
import type { Profile } from '@inferry/contracts';
import type { Parts } from '@inferry/runtime';
import type { FastifyInstance } from 'fastify';
import type { GatewayConfig } from '../config.ts';
import type { HttpRefusal } from '../http-refusal.ts';
import type { Authenticate } from './authenticate.ts';
import { type Challenger, createChallenger } from './challenge.ts';
import type { ProbeGate } from './probe-gate.ts';

/** Who may call, as the configuration says, with everything that must be known for it. */
export interface Authentication {
  /** Undefined: anybody who reaches this system, which is bound to loopback, is its one user. */
  authenticate: Authenticate | undefined;
  challenge: Challenger;
  /** What is still missing before anybody can be let in. */
  problems(): Record<string, string | undefined>;
  /** Addresses that clients look for before they sign in; none without an authorization server. */
  mount(app: FastifyInstance): void;
  close(): void;
}

export interface AuthenticationParts {
  bus: Bus;
  log: Pick<Parts['log'], 'warn'>;
  onRevoked(grantId: string): void;
  /** Stands before the platforms that keys of callers are tried at. */
  probes?: ProbeGate | undefined;
  /** What profiles say of themselves, by their keys; without it those of the product. */
  profiles?: ((key: string) => Pick<Profile, 'access' | 'providers'> | undefined) | undefined;
  /** Whether there is a mount where a request comes to; without it there is one everywhere. */
  isServed?: ((request: Pick<IncomingMessage, 'url' | 'headers'>) => boolean) | undefined;
  /** What holds before the Host of whoever reads metadata is believed; without it every one is. */
  checks?: readonly ((request: IncomingMessage) => HttpRefusal | undefined)[] | undefined;
  /** What tokens are issued and end by. */
  now?: (() => number) | undefined;
}

export type AuthConfig = Pick<
  GatewayConfig,
  'auth' | 'publicUrl' | 'profileHosts' | 'keyPrefixes' | 'maxStaleMs' | 'serverInfo'
>;

export async function openAuthentication(
  config: AuthConfig,
  parts: AuthenticationParts,
): Promise<Authentication> {
  const { name } = config.serverInfo;
  if (config.auth === 'none') {
    const challenge = createChallenger(name);
    const nothing = () => undefined;
    return {
      authenticate: undefined,
      challenge,
      problems: () => ({}),
      mount: nothing,
      close: nothing,
    };
  }
  // With the library that reads tokens: where nobody signs in it is not loaded.
  const { openBearers } = await import('./open-bearers.ts');
  return openBearers(config, parts);
}
