/** Who may call where callers have keys or tokens. Its tokens' library is loaded with it. */
import type { IncomingMessage } from 'node:http';
import { profileOf } from '@inferry/profiles';
import { createBearerAuthentication } from './authenticate.ts';
import { type AccessAt, createChallenger, type MountAccess } from './challenge.ts';
import { createKeyVerifier } from './key-verifier.ts';
import { mountNoServer } from './no-authorization-server.ts';
import type { AuthConfig, Authentication, AuthenticationParts } from './open-authentication.ts';
import { createPassthroughVerifier } from './passthrough-verifier.ts';
import { mountResourceMetadata, profileOfMessage, ResourceAddress } from './resource-metadata.ts';
import { watchRevokedGrants } from './revoked-grants.ts';
import { type SigningKeys, watchSigningKeys } from './signing-keys.ts';
import { createTokenVerifier } from './token-verifier.ts';

export function openBearers(config: AuthConfig, parts: AuthenticationParts): Authentication {
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
      const { isServed = () => true, checks = [] } = parts;
      mountResourceMetadata(app, { keys: signingKeys, address, resourceName, accessOf, isServed, checks });
      if (signingKeys === undefined) mountNoServer(app);
    },
    close() {
      revoked.close();
      signingKeys?.close();
      passthrough.close();
    },
  };
}
