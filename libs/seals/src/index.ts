/** Everything that keeps a secret or proves an origin: what a review of security reads first. */
export { deriveKey, deriveSecret } from './derive-secret.ts';
export { createMac, isSameBytes, isSameText, type Mac } from './mac.ts';
export { openBytes, type SealOptions, sealBytes } from './sealed-bytes.ts';
export { createRecipient, derivedRecipient, type Recipient, sealText } from './sealed-text.ts';
export { type StandardMessage, standardSignature } from './standard-webhooks.ts';
