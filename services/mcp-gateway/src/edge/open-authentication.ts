import type { IncomingMessage } from 'node:http';
import type { Bus } from '@inferry/bus';
import type { Profile } from '@inferry/contracts';
import { profileOf } from '@inferry/profiles';
import type { Parts } from '@inferry/runtime';
import type { FastifyInstance } from 'fastify';
import type { GatewayConfig } from '../config.ts';
import { type Authenticate, authenticateLocal, createBearerAuthentication } from './authenticate.ts';
import { type AccessAt, type Challenger, createChallenger, type MountAccess } from './challenge.ts';
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
  /** What profiles say of themselves, by their keys; without it those of the product. */
  profiles?: ((key: string) => Pick<Profile, 'access' | 'providers'> | undefined) | undefined;
  /** Whether there is a mount where a request comes to; without it there is one everywhere. */
  isServed?: ((request: Pick<IncomingMessage, 'url' | 'headers'>) => boolean) | undefined;
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
  // Without a public URL a client is where it says that it is; only whoever reads metadata at all is led by it.
  const address = new ResourceAddress(publicUrl ?? 'http://localhost', profileHosts);
  const profiles = parts.profiles ?? profileOf;
  const accessOf = (key: string | undefined): MountAccess => {
    const profile = key === undefined ? undefined : profiles(key);
    return profile === undefined ? {} : { ...profile.access, providers: profile.providers };
  };
  const profileAt = (request: IncomingMessage) => profileOfMessage(request, profileHosts);
  const accessAt: AccessAt = (request) => accessOf(request === undefined ? undefined : profileAt(request));
  const challenge = createChallenger(
    serverInfo.name,
    (request) =>
      hasServer || accessAt(request).isAlwaysExplained === true ? address.metadataUrl(request) : undefined,
    accessAt,
  );
  const revoked = watchRevokedGrants(bus, { log, onRevoked });
  const signingKeys: SigningKeys | undefined = hasServer
    ? watchSigningKeys(bus, { log, onRemoved: () => tokens?.forget() })
    : undefined;
  const tokens =
    signingKeys === undefined ? undefined : createTokenVerifier(signingKeys, { now, profileHosts });
  const passthrough = createPassthroughVerifier(bus, keyPrefixes);
  const keys = createKeyVerifier(bus);
  return {
    authenticate: createBearerAuthentication({
      ...{ keys, tokens, passthrough, probes, revoked, challenge, maxStaleMs, now },
      ...{ profileOf: profileAt, accessAt, takesKeys: keyPrefixes.accepted.length > 0 },
    }),
    challenge,
    problems: () => ({
      revocations: revoked.isLoaded ? undefined : 'not loaded',
      signing_keys: signingKeys !== undefined && signingKeys.trust === undefined ? 'not loaded' : undefined,
    }),
    mount(app) {
      const resourceName = serverInfo.title ?? serverInfo.name;
      const { isServed = () => true } = parts;
      mountResourceMetadata(app, { keys: signingKeys, address, resourceName, accessOf, isServed });
      if (signingKeys === undefined) mountNoServer(app);
    },
    close() {
      revoked.close();
      signingKeys?.close();
      passthrough.close();
    },
  };
}
