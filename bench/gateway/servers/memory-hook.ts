// Preloaded into a server under test: SIGUSR2 makes it collect its garbage and write down what is left.
import { writeFileSync } from 'node:fs';

process.on('SIGUSR2', () => {
  globalThis.gc?.();
  globalThis.gc?.();
  writeFileSync(process.env.BENCH_MEMORY_FILE ?? '', JSON.stringify(process.memoryUsage()));
});
