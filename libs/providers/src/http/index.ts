export { type AddressRules, type Bases, toAddress } from './bases.ts';
export type { Call, Reply } from './call.ts';
export { HeldCalls, type HeldCallsOptions, type HeldWork, maxCallMs, toJobErrorCode } from './held-calls.ts';
export { type LoadedFile, loadDataUris, loadFiles } from './input-files.ts';
export { amount, maybe, maybeWords } from './lenient.ts';
export { ListReader, type ProviderLog } from './list-reader.ts';
export { PlatformAdapter } from './platform-adapter.ts';
export {
  PlatformClient,
  type PlatformClientOptions,
} from './platform-client.ts';
export type { OpenSocketOptions, PlatformSocket } from './platform-socket.ts';
export { probeWith } from './probe-with.ts';
export { type Answer, parseJson, readAnswer, readEvents, type ServerSentEvent } from './read-answer.ts';
export { uploadFiles } from './upload-files.ts';
