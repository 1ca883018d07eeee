export type { OwnedWrapperRow, WrapperRow } from './tables.ts';
export {
  claimOwnerName,
  deleteWrapper,
  findOwnerName,
  findVisibleWrapper,
  type Inserted,
  insertWrapper,
  listOwnWrappers,
  listPublicVersions,
  readPublicWrappers,
  updateWrapper,
  type WrapperKey,
} from './wrappers.ts';
