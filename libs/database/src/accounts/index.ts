export {
  type AccountKey,
  findAccount,
  insertAccount,
  listAccounts,
  renameAccount,
  updateAccount,
} from './accounts.ts';
export {
  deleteSession,
  deleteSessionsOf,
  findSession,
  insertSession,
  sweepSessions,
  touchSession,
} from './sessions.ts';
export type { AccountRow, AccountSessionRow } from './tables.ts';
