import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { describeBlobs } from '../contract-suite.ts';
import { createFolderBlobs } from './folder-blobs.ts';

const newFolder = () => mkdtemp(path.join(tmpdir(), 'inferry-blobs-'));

describeBlobs('folder blobs', async () => {
  const folder = await newFolder();
  return {
    blobs: createFolderBlobs({ folder }),
    // A file in the folder's place: every way in fails, as on a disk that is gone, also for root.
    async breakStorage() {
      await rm(folder, { recursive: true });
      await writeFile(folder, '');
    },
    close: () => rm(folder, { recursive: true, force: true }),
  };
});

it('leaves no temporary file behind when a put fails', async () => {
  const folder = await newFolder();
  const blobs = createFolderBlobs({ folder });

  await expect(blobs.put('assets/a', Readable.from(['too long']), { maxBytes: 3 })).rejects.toThrow();

  expect(await readdir(path.join(folder, 'tmp'))).toEqual([]);
  await rm(folder, { recursive: true });
});

it('removes temporary files of dead processes at start and keeps those still written', async () => {
  const folder = await newFolder();
  const temporary = path.join(folder, 'tmp');
  await mkdir(temporary);
  await writeFile(path.join(temporary, 'dead.part'), 'x');
  await utimes(path.join(temporary, 'dead.part'), 1_000, 1_000);
  await writeFile(path.join(temporary, 'live.part'), 'x');

  await createFolderBlobs({ folder }).ping();

  expect(await readdir(temporary)).toEqual(['live.part']);
  await rm(folder, { recursive: true });
});

it('spreads blobs over folders named by the start of their key', async () => {
  const folder = await newFolder();
  const blobs = createFolderBlobs({ folder });

  await blobs.put('assets/ab12/x', Readable.from(['1']));

  expect(await readdir(path.join(folder, 'blobs/assets/ab/ab12'))).toEqual(['x.blob']);
  await rm(folder, { recursive: true });
});

it('removes a folder with its last blob', async () => {
  const folder = await newFolder();
  const blobs = createFolderBlobs({ folder });
  await blobs.put('assets/ab12/x', Readable.from(['1']));

  await blobs.delete('assets/ab12/x');

  expect(await readdir(path.join(folder, 'blobs'))).toEqual([]);
  await rm(folder, { recursive: true });
});

it('says that there is no room, takes what there is room for, and leaves nothing half written', async () => {
  const folder = await newFolder();
  const script = `
    import { Readable } from 'node:stream';
    import { createFolderBlobs } from ${JSON.stringify(new URL('./folder-blobs.ts', import.meta.url).href)};
    const blobs = createFolderBlobs({ folder: ${JSON.stringify(folder)} });
    const put = (bytes) =>
      blobs.put('assets/' + bytes, Readable.from([Buffer.alloc(bytes)])).then(
        ({ sizeBytes }) => sizeBytes,
        ({ code, message }) => [code, message],
      );
    console.log(JSON.stringify([await put(1_000_000), await put(10)]));`;
  // The system itself refuses files of more than 64 blocks to this process, and says so instead of ending it.
  const limited = `trap '' XFSZ; ulimit -f 64; exec "$0" --input-type=module -e "$1"`;

  const { stdout } = await promisify(execFile)('sh', ['-c', limited, process.execPath, script]);

  expect(JSON.parse(stdout)).toEqual([['unavailable', expect.stringContaining('storage is full')], 10]);
  expect(await readdir(path.join(folder, 'tmp'))).toEqual([]);
  expect(await readdir(path.join(folder, 'blobs/assets'))).toEqual(['10']);
  await rm(folder, { recursive: true });
});
