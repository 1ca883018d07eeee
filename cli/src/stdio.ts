/** The two streams that a client over stdio holds: nothing but lines of the protocol goes into stdout. */
import { format } from 'node:util';
import type { GatewayService } from '@inferry/mcp-gateway';

type Open = (writer: Parameters<GatewayService['openStdio']>[1]) => {
  take(chunk: Buffer): void;
  gone(): void;
};

/**
 * Takes stdout for the protocol at once: whatever else is printed goes to stderr. The function that is returned serves the
 * client, and resolves when it went away and what it was answered has left.
 */
export function talkOverStdio(): (open: Open) => Promise<void> {
  const { stdin, stdout } = process;
  const write = stdout.write.bind(stdout);
  // as: the overloads differ in nothing that stderr does not take.
  stdout.write = process.stderr.write.bind(process.stderr) as typeof stdout.write;
  for (const name of ['log', 'info', 'debug'] as const)
    console[name] = (...words: unknown[]) => process.stderr.write(`${format(...words)}\n`);

  return async (open) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    let isGone = false;
    const endpoint = open({
      get isFull() {
        return stdout.writableNeedDrain;
      },
      write(line) {
        if (isGone) return;
        // Raw line breaks between the values of a JSON text would end the message.
        const isRead = write(`${line.includes('\n') ? line.replace(/[\r\n]+/g, ' ') : line}\n`);
        // Whoever does not read is not read either.
        if (!isRead) stdin.pause();
      },
    });
    stdout.on('drain', () => stdin.resume());
    stdout.on('error', () => {
      isGone = true;
      endpoint.gone();
      resolve();
    });
    stdin.on('error', () => resolve());
    stdin.on('close', () => resolve());
    stdin.on('end', () => resolve());
    stdin.on('data', (chunk: Buffer) => endpoint.take(chunk));
    await promise;
  };
}
