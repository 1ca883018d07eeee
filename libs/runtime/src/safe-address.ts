import { type LookupAddress, lookup as systemLookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { AppError, isPrivateHost, isPublicAddress } from '@inferry/contracts';

export { isPrivateHost, isPublicAddress };

/**
 * A `lookup` for sockets that fails with `url_rejected` when a name leads to a private address: it is checked at
 * connect, so a name that changes between a check and its use (DNS rebinding) gets nowhere. A host that is an IP
 * address is never looked up: check it with `isPrivateHost` first.
 */
export const safeLookup: LookupFunction = (hostname, options, callback) => {
  systemLookup(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
    if (error !== null) return callback(error, []);
    const isSafe = addresses.length > 0 && addresses.every(({ address }) => isPublicAddress(address));
    const first = addresses[0];
    if (!isSafe || first === undefined) {
      return callback(
        new AppError('url_rejected', 'The host of this URL is not on the public internet.'),
        [],
      );
    }
    if (options.all === true) callback(null, addresses);
    else callback(null, first.address, first.family);
  });
};
