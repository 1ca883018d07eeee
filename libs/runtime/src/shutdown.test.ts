import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const module = new URL('./shutdown.ts', import.meta.url).href;
const silent = '{ info() {}, error() {} }';

/** A real process that stops in the given way, started and waiting for signals. */
async function startProcess(stopBody: string, graceMs = 5_000) {
  const code = `
    import { stopOnSignals } from ${JSON.stringify(module)};
    stopOnSignals({ log: ${silent}, graceMs: ${graceMs}, async stop() { ${stopBody} } });
    setInterval(() => undefined, 1_000);
    console.log('waiting');`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    cwd: fileURLToPath(new URL('.', import.meta.url)),
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  // The first line says that the handlers are in place.
  if (child.stdout !== null) await once(createInterface({ input: child.stdout }), 'line');
  return { child, exited: once(child, 'exit').then(([code]) => code) };
}

describe('stopOnSignals', () => {
  it.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)(
    'ends with 0 after an orderly stop on %s',
    async (signal) => {
      const { child, exited } = await startProcess('');

      child.kill(signal);

      expect(await exited).toBe(0);
    },
  );

  it('ends with 1 when the stop fails', async () => {
    const { child, exited } = await startProcess('throw new Error("no")');

    child.kill('SIGTERM');

    expect(await exited).toBe(1);
  });

  it('ends with 1 when the stop takes longer than its grace', async () => {
    const { child, exited } = await startProcess('await new Promise(() => undefined)', -1_900);

    child.kill('SIGTERM');

    expect(await exited).toBe(1);
  });

  it('goes on stopping for a while when the process stood still beyond its grace', async () => {
    const stoodStill = 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_200);';
    const goesOn = 'await new Promise((resolve) => setTimeout(resolve, 200));';
    const { child, exited } = await startProcess(`${stoodStill} ${goesOn}`, -1_900);

    child.kill('SIGTERM');

    expect(await exited).toBe(0);
  });

  it('takes a signal that comes twice at once for one', async () => {
    const { child, exited } = await startProcess('await new Promise((resolve) => setTimeout(resolve, 100))');

    child.kill('SIGTERM');
    child.kill('SIGINT');

    expect(await exited).toBe(0);
  });

  it('stops when the process that started it is gone', async () => {
    const { child, exited } = await startProcess('');

    child.disconnect();

    expect(await exited).toBe(0);
  });
});
