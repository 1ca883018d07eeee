export {
  type ClientKind,
  type Connection,
  clientKinds,
  type Dialect,
  type Entry,
  joinAt,
  type Place,
  placeOf,
  settingsFolder,
} from './client-table.ts';
