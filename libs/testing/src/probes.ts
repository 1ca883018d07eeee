import { connect } from 'node:net';

/** Sends `bytes` when connected and gives the first answer to `accepts`; false on any failure or silence. */
export async function probe(
  port: number,
  bytes: Uint8Array,
  accepts: (answer: Buffer) => boolean,
): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
  socket.setTimeout(1_000, () => socket.destroy());
  socket.on('data', (answer) => resolve(accepts(Buffer.from(answer))));
  socket.on('error', () => resolve(false));
  socket.on('close', () => resolve(false));
  const isAccepted = await promise;
  socket.destroy();
  return isAccepted;
}

export function isNatsReady(port: number): Promise<boolean> {
  return probe(port, new Uint8Array(), (answer) => answer.toString('latin1').startsWith('INFO '));
}

export function isRedisReady(port: number): Promise<boolean> {
  return probe(port, Buffer.from('PING\r\n'), (answer) =>
    /^(\+PONG|-NOAUTH)/.test(answer.toString('latin1')),
  );
}

/** A start-up message of protocol 3.0: `R` means that logins are taken, `E` that it is still starting. */
export function isPostgresReady(port: number): Promise<boolean> {
  const body = Buffer.from('\0\x03\0\0user\0postgres\0database\0postgres\0\0', 'latin1');
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length + 4);
  return probe(port, Buffer.concat([length, body]), (answer) => answer[0] === 'R'.charCodeAt(0));
}
