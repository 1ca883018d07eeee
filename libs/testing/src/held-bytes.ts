/** How much memory tests of streams see held. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
// as: the flag above makes `gc` a function of every context made after it.
const collectGarbage = runInNewContext('gc') as () => void;

/** Bytes of buffers that something still refers to. */
export function heldBytes(): number {
  collectGarbage();
  // V8 frees buffers in a thread of its own, which a busy machine lets wait; the next collection waits for it.
  collectGarbage();
  return process.memoryUsage().arrayBuffers;
}
