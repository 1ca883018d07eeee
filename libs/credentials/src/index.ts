export { type Access, type AccessClient, createAccessClient } from './access-client.ts';
export {
  type CredentialClient,
  type CredentialClientOptions,
  createCredentialClient,
  type GetOptions,
  type Holder,
  type OpenedCredential,
} from './credential-client.ts';
export { purposes } from './purposes.ts';
