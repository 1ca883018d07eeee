/** The mounts of this gateway: which profile a request came to, and whether it is served here. */

import type { IncomingMessage } from 'node:http';
import type { Bus } from '@inferry/bus';
import {
  type AnyTool,
  connectionChanged,
  listProviders,
  localPrincipal,
  type Profile,
} from '@inferry/contracts';
import { createOffer, type Offer } from '@inferry/mcp';
import { inferry, profileOf, profiles } from '@inferry/profiles';
import type { Parts } from '@inferry/runtime';
import type { GatewayConfig } from '../config.ts';
import { profileOfMessage } from '../edge/resource-metadata.ts';
import { type FileProfiles, openFileProfiles } from '../file-profiles/file-profiles.ts';

export interface Mounts {
  /** `/mcp` and the bare origin of the deployment's own host. */
  canonical: Offer;
  /** What a request is offered; undefined where its mount is not served. */
  offerOf(request: Pick<IncomingMessage, 'url' | 'headers'>): Offer | undefined;
  /** The offer of a profile, whether it is mounted or not; undefined where there is no such profile. */
  offerNamed(key: string): Offer | undefined;
  /** What is served now, the canonical one first. */
  served(): Offer[];
  close(): void;
}

type MountConfig = Pick<
  GatewayConfig,
  'auth' | 'serverInfo' | 'icons' | 'surfaces' | 'offered' | 'profileHosts' | 'profiles' | 'profilesFolder'
>;

/** How often is asked which platforms are connected, since an event may be lost. */
const rereadMs = 30_000;

interface MountsParts {
  bus: Bus;
  log: Pick<Parts['log'], 'info' | 'warn' | 'error'>;
  extraTools: readonly AnyTool[];
  /** The tools of these mounts are others from now on. */
  onToolsChanged(key: string): void;
}

export function openMounts(
  config: MountConfig,
  { bus, log, extraTools, onToolsChanged }: MountsParts,
): Mounts {
  const { profileHosts, serverInfo, icons, offered } = config;
  const parts = { bus, serverInfo, icons, offered, extraTools, hasSurfaces: config.surfaces.length > 0 };
  const offers = new Map<string, Offer>();
  /** By the plain address of a mount, which is what nearly every request has. */
  const byAddress = new Map<string, Offer>();
  // Made when somebody comes to it: a process over stdio serves one.
  function offerOfProduct(key: string): Offer | undefined {
    const known = offers.get(key);
    if (known !== undefined) return known;
    const profile = profileOf(key);
    if (profile === undefined) return undefined;
    const offer = createOffer(profile, parts);
    offers.set(key, offer);
    // The path counts before the host, so that no other mount has this address.
    byAddress.set(`/mcp/${key}`, offer);
    return offer;
  }
  const canonical = () => offerOfProduct(inferry.key) ?? createOffer(inferry, parts);
  const files: FileProfiles | undefined =
    config.profilesFolder === undefined
      ? undefined
      : openFileProfiles(config.profilesFolder, {
          ...{ bus, log, offered, onToolsChanged },
          createOffer: (profile) => createOffer(profile, { ...parts, toolsChange: true }),
        });
  const offerAt: Mounts['offerOf'] = (request) => {
    const key = profileOfMessage(request, profileHosts);
    if (key === undefined) return canonical();
    const offer = offerOfProduct(key) ?? files?.offerOf(key);
    // A host may be given to a profile that comes with a later release: until then it has the canonical tools.
    if (offer === undefined) return request.url?.startsWith(`/mcp/${key}`) ? undefined : canonical();
    return profileOf(key) === undefined || isOn.has(offer.profile) ? offer : undefined;
  };
  const isOn = config.profiles === undefined ? watchConnected(bus, config) : listed(config.profiles);
  return {
    get canonical() {
      return canonical();
    },
    offerOf(request) {
      const plain = byAddress.get(request.url ?? '');
      if (plain === undefined) return offerAt(request);
      return isOn.has(plain.profile) ? plain : undefined;
    },
    offerNamed: (key) => offerOfProduct(key) ?? files?.offerOf(key),
    served() {
      const product = profiles.filter((profile) => profile.key !== inferry.key && isOn.has(profile));
      const own = product.map(({ key }) => offerOfProduct(key)).filter((offer) => offer !== undefined);
      return [canonical(), ...own, ...(files?.offers() ?? [])];
    },
    close() {
      isOn.close();
      files?.close();
    },
  };
}

interface Switches {
  has(profile: Profile): boolean;
  close(): void;
}

function listed(keys: readonly string[]): Switches {
  const on = new Set(keys);
  return { has: ({ key }) => key === inferry.key || on.has(key), close: () => undefined };
}

/**
 * Without a list: the profiles whose platform is connected. Where callers have keys of their own, that is every platform of
 * the deployment; and before anybody could be asked, all of them.
 */
function watchConnected(bus: Bus, { auth }: Pick<MountConfig, 'auth'>): Switches {
  let usable: ReadonlySet<string> | undefined;

  async function read(): Promise<void> {
    try {
      const { providers } = await bus.call(listProviders, {}, { principal: localPrincipal });
      const known = providers.filter(({ ready }) => auth !== 'none' || ready);
      usable = new Set(known.map(({ slug }) => slug));
    } catch {
      // What was known stays; the timer asks again.
    }
  }

  void read();
  const timer = setInterval(() => void read(), rereadMs).unref();
  const changed = bus.on(connectionChanged, () => void read());
  return {
    has({ providers }) {
      return providers === undefined || usable === undefined || providers.some((slug) => usable?.has(slug));
    },
    close() {
      clearInterval(timer);
      changed.unsubscribe();
    },
  };
}
