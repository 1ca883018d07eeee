import { describeBlobs } from '../contract-suite.ts';
import { createS3Blobs } from './s3-blobs.ts';
import { startS3TestServer } from './test-server.ts';

describeBlobs('S3 blobs', async () => {
  const { stop, close, ...place } = await startS3TestServer();
  const blobs = createS3Blobs({
    ...place,
    region: 'us-east-1',
    partBytes: 5 * 1024 * 1024,
    connectTimeoutMs: 500,
    silenceTimeoutMs: 5_000,
  });
  return {
    blobs,
    breakStorage: stop,
    async close() {
      await blobs.close();
      await close();
    },
  };
});
