import { once } from 'node:events';
import { createServer } from 'node:http';
import { createConnection } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { openDatabase } from '@inferry/database';
import { runSql } from '@inferry/database/contract-suite';

/** Every byte that passes the bus from now on: subjects, headers, payloads and answers, in the server's own protocol. */
export async function recordBus(natsUrl: string): Promise<{ readonly bytes: string; close(): void }> {
  const { hostname, port, username: user, password: pass } = new URL(natsUrl);
  const socket = createConnection({ host: hostname, port: Number(port) });
  let bytes = '';
  const ready = Promise.withResolvers<void>();
  socket.on('data', (chunk: Buffer) => {
    bytes += chunk.toString('latin1');
    if (chunk.includes('PONG')) ready.resolve();
    if (chunk.includes('PING')) socket.write('PONG\r\n');
  });
  socket.on('error', ready.reject);
  const options = {
    verbose: false,
    headers: true,
    no_responders: true,
    lang: 'recorder',
    version: '1',
    user,
    pass,
  };
  socket.write(`CONNECT ${JSON.stringify(options)}\r\nSUB > 1\r\nPING\r\n`);
  await ready.promise;
  return {
    get bytes() {
      return bytes;
    },
    close: () => void socket.destroy(),
  };
}

/** Every byte of telemetry that services send. */
export async function recordTelemetry(): Promise<{ url: string; bodies: string[]; close(): void }> {
  const bodies: string[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    // as: without an encoding, a request yields buffers.
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    bodies.push((request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body).toString());
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`,
    bodies,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** Every row of every table, as text. */
export async function dumpDatabase(url: string): Promise<string> {
  const database = openDatabase({ url });
  try {
    const tables = await runSql(
      database.queries,
      "select table_name from information_schema.tables where table_schema = 'public'",
    );
    const dump: string[] = [];
    for (const row of tables) {
      // as: what the query above selects.
      const { table_name: name } = row as { table_name: string };
      const rows = await runSql(database.queries, `select t::text as line from "${name}" t`);
      dump.push(`${name}\n${rows.map((one) => JSON.stringify(one)).join('\n')}`);
    }
    return dump.join('\n');
  } finally {
    await database.close();
  }
}
