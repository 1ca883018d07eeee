import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { Bus } from '@inferry/bus';
import { AppError, makeSheet, openAsset, resolveAssets, uploadFile } from '@inferry/contracts';

interface StoredFile {
  assetId: string;
  contentType: string;
  bytes: Buffer | undefined;
}

export interface FakeFiles {
  url: string;
  /** By `<run_id>/<index>`. */
  byRef: Map<string, StoredFile>;
  puts: number;
  copies: string[];
  /** The numbers on each sheet that was made. */
  sheets: number[][];
  /** Refuses the puts to come. */
  failures: number;
  /** Serves these paths as a platform does that keeps outputs. */
  hosted: Map<string, (response: ServerResponse) => void>;
  addAsset(assetId: string): void;
  close(): Promise<void>;
}

/** The upload service, which is another process: its contracts, and its data plane on loopback. */
export async function startFakeFiles(neighbours: Bus): Promise<FakeFiles> {
  const byId = new Map<string, StoredFile>();
  const files: Omit<FakeFiles, 'url' | 'close'> = {
    byRef: new Map(),
    puts: 0,
    copies: [],
    sheets: [],
    failures: 0,
    hosted: new Map(),
    addAsset: (assetId) =>
      void byId.set(assetId, { assetId, contentType: 'image/png', bytes: Buffer.from('png') }),
  };
  const server = createServer((request, response) => void serve(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // as: a TCP server that listens has an address of this kind.
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? '';
    const hosted = files.hosted.get(path);
    if (hosted !== undefined) return hosted(response);
    const file = byId.get(path.replace('/put/', ''));
    const bytes = await buffer(request).catch(() => undefined);
    if (file === undefined || bytes === undefined || files.failures > 0) {
      files.failures -= 1;
      response.writeHead(503).end();
      return;
    }
    files.puts += 1;
    file.bytes = bytes;
    response.writeHead(201).end();
  }

  neighbours.serve(openAsset, async ({ ref, content_type: contentType }) => {
    const known = files.byRef.get(ref);
    const assetId = known?.assetId ?? `asset_${ref.replaceAll(/[^a-zA-Z0-9]/g, '')}`;
    const file = known ?? {
      assetId,
      contentType: contentType ?? 'application/octet-stream',
      bytes: undefined,
    };
    files.byRef.set(ref, file);
    byId.set(assetId, file);
    return { asset_id: assetId, ...(file.bytes === undefined ? { put_url: `${url}/put/${assetId}` } : {}) };
  });
  neighbours.serve(resolveAssets, async ({ refs }) => ({
    assets: refs.map((ref) => {
      if (!ref.startsWith('asset_')) return null;
      const file = byId.get(ref);
      if (file === undefined) throw new AppError('asset_not_found', 'You have no such file.');
      if (file.bytes === undefined) throw new AppError('asset_not_ready', 'Not stored yet.');
      return {
        asset_id: ref,
        file_name: 'x',
        content_type: file.contentType,
        bytes: file.bytes.length,
        sha256: '',
        url: `https://files.example/${ref}`,
        internal_url: `${url}/internal/${ref}`,
      };
    }),
  }));
  neighbours.serve(makeSheet, async ({ ref, cells }) => {
    const assetId = `asset_${ref.replaceAll(/[^a-zA-Z0-9]/g, '')}`;
    files.sheets.push(cells.map(({ number }) => number));
    files.addAsset(assetId);
    const link = { url: `https://files.example/${assetId}`, internal_url: `${url}/internal/${assetId}` };
    const facts = { file_name: 'sheet.png', content_type: 'image/png', bytes: 3, sha256: '' };
    return { asset: { asset_id: assetId, ...link, ...facts } };
  });
  neighbours.serve(uploadFile, async ({ url: source }) => {
    files.copies.push(String(source));
    files.addAsset('asset_copied');
    return { asset_id: 'asset_copied' };
  });
  return Object.assign(files, {
    url,
    close: () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  });
}
