export {
  bindGrantToConnection,
  type ConnectionCheck,
  type ConnectionFilter,
  deleteConnection,
  findConnection,
  findUsableConnection,
  listAllConnections,
  listConnectionsOfGrant,
  listGrantsOfConnection,
  listUsableConnections,
  noteConnectionCheck,
  noteConnectionLimit,
  putConnection,
  setConnectionExpiry,
  sweepConnections,
} from './connections.ts';
export {
  addVaultKey,
  findVaultKey,
  listConnectionsToRewrap,
  listNeededKids,
  listVaultKeys,
  replaceSealed,
  replaceVaultKeySeal,
} from './sealed-rows.ts';
export type { ConnectionRow, VaultKeyRow } from './tables.ts';
export { addTeamMember, listTeamMembers, type Membership, removeTeamMember } from './teams.ts';
