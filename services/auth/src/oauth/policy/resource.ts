// What access tokens are for: which resources clients may name here, and how tokens say them.
import { profileOfAudience, resourceAt, resourceName } from '@inferry/runtime';
import type { OAuthSettings } from '../settings.ts';

/** Where this deployment is, by which further hosts gateways answer for it, and which mount an issuer is for. */
export type Place = Pick<OAuthSettings, 'issuer' | 'hosts'> &
  Partial<Pick<OAuthSettings, 'deployment' | 'profileHosts' | 'profile'>>;

/** The deployment's own address, which its resources are named by; an issuer may be at the host of a profile. */
export function deploymentOf({ deployment, issuer }: Place): string {
  return deployment ?? issuer;
}

/** The one spelling of a resource of ours; anything else stays as it is and is refused as `invalid_target`. */
export function canonicalResource(value: string, place: Place): string {
  const { hosts, profileHosts } = place;
  const found = resourceAt(value, { url: deploymentOf(place), hosts, profileHosts });
  return found !== undefined && isOwnResource(found, place) ? found : value;
}

/** What a token is for where a client names nothing. */
export function defaultResource(place: Place): string {
  return resourceName(deploymentOf(place), place.profile);
}

/** Whether tokens are given here for a resource: at the host of a profile, for that profile alone. */
export function isOwnResource(resource: string, place: Place): boolean {
  const profile = profileOfResource(resource, place);
  return profile !== undefined && (place.profile === undefined || place.profile === profile);
}

/** The profile that a resource is of; `''` for the whole deployment. */
export function profileOfResource(resource: string, place: Place): string | undefined {
  return profileOfAudience(resource, deploymentOf(place));
}

/** The values of `aud` that name the whole deployment; tokens for it carry the first. */
export function audiencesOf(issuer: string): string[] {
  return [resourceName(issuer), issuer, `${issuer}/`];
}
