import { AppError } from '@inferry/contracts';
import { type AddressPolicy, checkPublicUrl } from '@inferry/runtime/public-agent';
import { urlRejected } from './fetch-errors.ts';

export {
  type AddressPolicy,
  createPublicAgent,
  isAllowedAddress,
  type Lookup,
} from '@inferry/runtime/public-agent';

/** Throws `url_rejected` for what may not be fetched, and says what to do instead. */
export function checkUrl(text: string, policy: AddressPolicy): URL {
  try {
    return checkPublicUrl(text, policy);
  } catch (error) {
    throw error instanceof AppError ? urlRejected(error.message) : error;
  }
}
