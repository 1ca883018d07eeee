import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

type Collect = (options: { type: 'minor' }) => void;

/** How much of a file passes between two collections. */
const everyBytes = 8 * 1024 * 1024;

let collect: Collect | undefined;

/**
 * Frees the pieces of a body that have been passed on. Each is a buffer outside of the heap, of which the engine lets
 * 64 MiB pile up before it looks for garbage; a minor collection of a heap that holds little takes a millisecond.
 */
export function createCollector(): (sizeBytes: number) => void {
  let passedBytes = 0;
  return (sizeBytes) => {
    passedBytes += sizeBytes;
    if (passedBytes < everyBytes) return;
    passedBytes = 0;
    collect ??= loadCollect();
    collect({ type: 'minor' });
  };
}

function loadCollect(): Collect {
  setFlagsFromString('--expose-gc');
  // as: what V8 puts into a new context under that flag.
  return runInNewContext('gc') as Collect;
}
