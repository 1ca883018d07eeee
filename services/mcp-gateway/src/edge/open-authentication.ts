import type { Bus } from '@inferry/bus';
import type { Parts } from '@inferry/runtime';
import type { FastifyInstance } from 'fastify';
import type { GatewayConfig } from '../config.ts';
import { type Authenticate, authenticateLocal, createBearerAuthentication } from './authenticate.ts';
import { type Challenger, createChallenger } from './challenge.ts';
import { createKeyVerifier } from './key-verifier.ts';
import { mountNoServer } from './no-authorization-server.ts';
import { createPassthroughVerifier } from './passthrough-verifier.ts';
import type { ProbeGate } from './probe-gate.ts';
import { mountResourceMetadata, profileOfMessage, ResourceAddress } from './resource-metadata.ts';
import { watchRevokedGrants } from './revoked-grants.ts';
import { type SigningKeys, watchSigningKeys } from './signing-keys.ts';
import { createTokenVerifier } from './token-verifier.ts';

/** Who may call, as the configuration says, with everything that must be known for it. */
export interface Authentication {
  authenticate: Authenticate;
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
  /** What tokens are issued and end by. */
  now?: (() => number) | undefined;
}

type AuthConfig = Pick<
  GatewayConfig,
  'auth' | 'publicUrl' | 'profileHosts' | 'keyPrefixes' | 'maxStaleMs' | 'serverInfo'
>;

export function openAuthentication(config: AuthConfig, parts: AuthenticationParts): Authentication {
  const { name } = config.serverInfo;
  if (config.auth === 'none') {
    const challenge = createChallenger(name);
    const nothing = () => undefined;
    return {
      authenticate: authenticateLocal,
      challenge,
      problems: () => ({}),
      mount: nothing,
      close: nothing,
    };
  }
  return openBearers(config, parts);
}

function openBearers(config: AuthConfig, parts: AuthenticationParts): Authentication {
  const { bus, log, onRevoked, probes, now = Date.now } = parts;
  const { keyPrefixes, profileHosts, publicUrl, serverInfo, maxStaleMs } = config;
  const hasServer = config.auth === 'oauth' && publicUrl !== undefined;
  const address = hasServer ? new ResourceAddress(publicUrl, profileHosts) : undefined;
  const challenge = createChallenger(
    serverInfo.name,
    address === undefined ? undefined : (request) => address.metadataUrl(request),
  );
  const revoked = watchRevokedGrants(bus, { log, onRevoked });
  const signingKeys: SigningKeys | undefined = hasServer
    ? watchSigningKeys(bus, { log, onRemoved: () => tokens?.forget() })
    : undefined;
  const tokens =
    signingKeys === undefined ? undefined : createTokenVerifier(signingKeys, { now, profileHosts });
  const passthrough =
    keyPrefixes.accepted.length === 0 ? undefined : createPassthroughVerifier(bus, keyPrefixes);
  const keys = createKeyVerifier(bus);
  return {
    authenticate: createBearerAuthentication({
      ...{ keys, tokens, passthrough, probes, revoked, challenge, maxStaleMs, now },
      profileOf: (request) => profileOfMessage(request, profileHosts),
    }),
    challenge,
    problems: () => ({
      revocations: revoked.isLoaded ? undefined : 'not loaded',
      signing_keys: signingKeys !== undefined && signingKeys.trust === undefined ? 'not loaded' : undefined,
    }),
    mount(app) {
      const resourceName = serverInfo.title ?? serverInfo.name;
      if (signingKeys !== undefined && address !== undefined)
        mountResourceMetadata(app, { keys: signingKeys, address, resourceName });
      else mountNoServer(app);
    },
    close() {
      revoked.close();
      signingKeys?.close();
      passthrough?.close();
    },
  };
}
