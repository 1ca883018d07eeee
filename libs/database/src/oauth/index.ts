export { deleteClient, findClient, putClient, touchClients } from './clients.ts';
export {
  findGrant,
  type GrantFilter,
  insertGrant,
  listGrantRows,
  markGrantsUsed,
  revokeGrantRow,
} from './grants.ts';
export {
  addRecordOnce,
  bindRecord,
  consumeRecord,
  deleteRecord,
  deleteRecordsOfGrant,
  findRecord,
  findRecordAndGrant,
  type NewRecord,
  putRecord,
  writeStash,
} from './records.ts';
export {
  answerRefresh,
  claimRefresh,
  dropRefresh,
  type RefreshClaim,
  type RefreshTurn,
} from './refreshes.ts';
export {
  addSigningKey,
  deleteSigningKeys,
  listSigningKeys,
  removeSigningKey,
  replaceSigningKeySeal,
} from './signing-keys.ts';
export { sweepOAuth } from './sweep.ts';
export type { OAuthClientRow, OAuthGrantRow, OAuthRecordRow, OAuthSigningKeyRow } from './tables.ts';
