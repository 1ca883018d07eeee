import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import S3rver from 's3rver';
import { describeBlobs } from '../contract-suite.ts';
import { createS3Blobs } from './s3-blobs.ts';

describeBlobs('S3 blobs', async () => {
  const directory = await mkdtemp(path.join(tmpdir(), 'inferry-s3-'));
  const server = new S3rver({
    port: 0,
    address: '127.0.0.1',
    silent: true,
    directory,
    configureBuckets: [{ name: 'inferry', configs: [] }],
  });
  const { port } = await server.run();
  const blobs = createS3Blobs({
    bucket: 'inferry',
    region: 'us-east-1',
    endpoint: `http://127.0.0.1:${port}`,
    accessKeyId: 'S3RVER',
    secretAccessKey: 'S3RVER',
    partBytes: 5 * 1024 * 1024,
    connectTimeoutMs: 500,
    silenceTimeoutMs: 5_000,
  });
  let isRunning = true;
  const stop = async () => {
    if (!isRunning) return;
    isRunning = false;
    server.httpServer.closeAllConnections();
    await server.close();
  };
  return {
    blobs,
    breakStorage: stop,
    async close() {
      await blobs.close();
      await stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
});
