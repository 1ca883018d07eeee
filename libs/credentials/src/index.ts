export { type Access, type AccessClient, createAccessClient } from './access-client.ts';
export {
  type CredentialClient,
  type CredentialClientOptions,
  createCredentialClient,
  type GetOptions,
  type Holder,
} from './credential-client.ts';
export type { OpenedCredential } from './kept-keys.ts';
export { purposes } from './purposes.ts';
