/** What the public pages are about: the mounts that are served, where each is reached, and what it is called and looks like. */
import type { IncomingMessage } from 'node:http';
import type { Server } from '@inferry/clients';
import type { AnyTool } from '@inferry/contracts';
import { isRefusal, type Offer } from '@inferry/mcp';
import type { Branding, Brands } from '@inferry/pages';
import { profileOf, toolOf } from '@inferry/profiles';
import { type AddressRanges, type ProfileHost, profileHostOf } from '@inferry/runtime';
import type { GatewayConfig } from '../config.ts';
import { oneValue } from '../edge/request-head.ts';
import { ResourceAddress } from '../edge/resource-metadata.ts';
import type { Mounts } from '../http/mounts.ts';

/** A mount as its pages show it. */
export interface Site {
  /** `inferry`, or the profile's key. */
  key: string;
  isCanonical: boolean;
  title: string;
  version: string;
  offer: Offer;
  branding: Branding;
  /** An https: or data:image URL; without it the brand's. */
  icon: string | undefined;
  /** Where the paths of its host begin, without a slash at the end. */
  base: string;
  /** Where MCP is. */
  url: string;
  /** Where its own documents are, without a slash at the end. */
  home: string;
  access: Server['access'];
  /** Its words and tools are the product's. What a file or a module of the operator's says is for who may come in. */
  isProduct: boolean;
}

/** As much of a request as says where it came to. */
export type Came = Pick<IncomingMessage, 'url' | 'headers' | 'socket'>;

export interface Sites {
  /** The mount of a request; undefined where none is served. */
  siteOf(request: Came): Site | undefined;
  /** All that are reached by the host of a request, the canonical one first. */
  sitesOf(request: Came): Site[];
}

type SitesConfig = Pick<GatewayConfig, 'auth' | 'publicUrl' | 'profileHosts' | 'trustedProxies'> & Brands;

const accesses = { none: 'none', keys: 'key', oauth: 'sign-in' } as const;

export function createSites(config: SitesConfig, mounts: Mounts): Sites {
  const { profileHosts, publicUrl, trustedProxies } = config;
  const plain = new ResourceAddress(publicUrl ?? 'http://localhost', profileHosts);
  const secure = new ResourceAddress(publicUrl ?? 'https://localhost', profileHosts);

  function baseOf(request: Came): string {
    const isSecure = publicUrl === undefined && saysSecure(request, trustedProxies);
    return (isSecure ? secure : plain).baseOf(request);
  }

  function toSite(offer: Offer, request: Came): Site {
    const { key } = offer.profile;
    const base = baseOf(request);
    const { serverInfo, icons } = offer.identity;
    const isCanonical = offer === mounts.canonical;
    const isOwnHost = hostOf(request, profileHosts)?.profile === key;
    const below = isCanonical || isOwnHost ? '' : `/mcp/${key}`;
    return {
      ...{
        key,
        isCanonical,
        offer,
        base,
        title: serverInfo.title,
        version: offer.profile.serverInfo.version ?? serverInfo.version,
      },
      branding: config.profileBrands.get(key) ?? config.branding,
      icon: icons.find(({ src }) => /^(https:|data:image\/)/.test(src))?.src,
      url: `${base}${below === '' ? '/mcp' : below}`,
      home: `${base}${below}`,
      access: accesses[config.auth],
      isProduct: profileOf(key) !== undefined,
    };
  }

  return {
    siteOf(request) {
      const offer = mounts.offerOf(request);
      return offer === undefined ? undefined : toSite(offer, request);
    },
    sitesOf(request) {
      const host = hostOf(request, profileHosts);
      const own = host === undefined ? undefined : mounts.offerNamed(host.profile);
      return (own === undefined ? mounts.served() : [own]).map((offer) => toSite(offer, request));
    },
  };
}

function hostOf({ headers }: Came, profileHosts: readonly ProfileHost[]): ProfileHost | undefined {
  return profileHostOf(oneValue(headers.host), profileHosts);
}

/** Without a public URL: whether the request came over TLS, as the socket or a proxy that is believed says. */
function saysSecure({ socket, headers }: Came, proxies: AddressRanges): boolean {
  const { remoteAddress = '' } = socket;
  const address = remoteAddress.replace(/^::ffff:(?=\d)/, '');
  return address !== '' && proxies.has(address) && oneValue(headers['x-forwarded-proto']) === 'https';
}

/** The tools that a client sees that asks for nothing in particular, as far as strangers are told of them. */
export function toolsOf({ offer, access, isProduct }: Site): AnyTool[] {
  const selection = offer.select();
  // Nothing is asked for, so nothing can be wrong with it.
  if (isRefusal(selection)) return [];
  const tools = [...offer.viewTools(selection, ['mcp', 'infra']).byName.values()];
  return access === 'none' ? tools : tools.filter(({ id }) => isProduct && toolOf(id) !== undefined);
}
