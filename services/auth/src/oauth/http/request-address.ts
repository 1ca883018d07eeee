import { type AddressRanges, addressKey, clientAddress } from '@inferry/runtime';
import type { FastifyRequest } from 'fastify';

/** Whom windows count: the address of a caller, or the network that one household or host has. */
export function addressOf({ raw }: FastifyRequest, proxies: AddressRanges): string {
  return addressKey(clientAddress(raw, proxies));
}
