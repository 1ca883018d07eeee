export { AccountSecrets, type AccountSecretsOptions } from './account-secrets.ts';
export { toEd25519Key, verifyEd25519 } from './ed25519.ts';
export { type HmacOptions, verifyHmac } from './hmac.ts';
export { KeySet, type KeySetOptions } from './key-set.ts';
export {
  defaultToleranceSeconds,
  isFresh,
  type SignatureFault,
  type SignatureVerdict,
  type SignedMessage,
} from './signature.ts';
export { type StandardWebhooksOptions, verifyStandardWebhook } from './standard-webhooks.ts';
