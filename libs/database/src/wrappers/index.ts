export type { OwnedWrapperRow, WrapperRow } from './tables.ts';
export {
  claimOwnerName,
  deleteWrapper,
  findOwnerName,
  findVisibleWrapper,
  type Inserted,
  insertWrapper,
  listOwnVersions,
  listPublicVersions,
  readWrappers,
  updateWrapper,
  type WrapperKey,
  type WrapperVersion,
} from './wrappers.ts';
