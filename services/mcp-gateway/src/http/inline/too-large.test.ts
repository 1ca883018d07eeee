import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Bus } from '@inferry/bus';
import { localPrincipal, tooLargeAttachment } from '@inferry/contracts';
import { isRefusal } from '@inferry/mcp';
import { toolOf } from '@inferry/profiles';
import { expect, it } from 'vitest';
import { refuse } from '../../http-refusal.ts';
import type { OpenCalls } from '../../open-calls.ts';
import { defaultBodyTimings } from '../edge.ts';
import { InlineUploads } from './inline-uploads.ts';

const mebibyte = 1024 * 1024;

/** More than 200 MiB once decoded, with the id of the call at its end, as the SDKs write it. */
function* body(): Generator<string> {
  yield '{"method":"tools/call","params":{"name":"upload_file","arguments":{"base64":"';
  const piece = 'QUJD'.repeat(mebibyte / 4);
  for (let sent = 0; sent < 280; sent += 1) yield piece;
  yield '","fileName":"a.bin"}},"jsonrpc":"2.0","id":7}';
}

it('reads on past a file that is too large where the tool says so itself, to the id at the end [MR-57]', async () => {
  const tool = toolOf('modelrunner/upload_file');
  if (tool === undefined) throw new Error('there is no upload_file');
  let uploads: InlineUploads | undefined;
  const server = createServer(async (request, response) => {
    if (request.method === 'PUT') return void request.on('error', () => undefined).resume();
    const view = { byName: new Map([[tool.name, tool]]), missingScopes: new Map(), list: '', appList: '' };
    const outcome = await uploads?.take({ request, principal: localPrincipal, view, read: [] });
    const told = outcome === undefined || isRefusal(outcome) ? 'refused' : outcome;
    response.end(JSON.stringify(typeof told === 'string' ? told : { ...told, body: told.body.toString() }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // as: a TCP server that listens has such an address.
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}/`;
  uploads = new InlineUploads({
    // as: the one call that is made of it.
    bus: { call: async () => ({ asset_id: 'asset_1', put_url: url }) } as unknown as Bus,
    // as: it only takes note of the call.
    calls: { add: () => ({}), delete: () => undefined } as unknown as OpenCalls,
    timings: defaultBodyTimings,
    maxBodyBytes: 256 * 1024,
    maxAtOnce: 4,
    tooLarge: refuse(413, ['body_too_large', 'too large']),
  });

  const stream = ReadableStream.from(
    (function* () {
      for (const part of body()) yield Buffer.from(part);
    })(),
  );
  // as: what a stream needs beside the fields that are typed.
  const reply = await fetch(url, { method: 'POST', body: stream, duplex: 'half' } as RequestInit);
  // as: what the server above answers.
  const outcome = (await reply.json()) as { body: string; assetId: string };
  server.closeAllConnections();
  server.close();

  expect(outcome.assetId).toBe(tooLargeAttachment);
  expect(JSON.parse(outcome.body)).toEqual({
    method: 'tools/call',
    params: { name: 'upload_file', arguments: { base64: '', fileName: 'a.bin' } },
    jsonrpc: '2.0',
    id: 7,
  });
});
