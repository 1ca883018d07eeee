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
export { type Server, type Way, waysToConnect } from './ways.ts';
