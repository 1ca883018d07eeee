import { readdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';

/** Removes the files of a folder that nobody has written to since `before` (epoch milliseconds). */
export async function removeStaleFiles(folder: string, before: number): Promise<void> {
  for (const name of await readdir(folder)) {
    const file = path.join(folder, name);
    try {
      const { mtimeMs } = await stat(file);
      if (mtimeMs < before) await rm(file, { force: true });
    } catch {
      // Finished or removed by its owner meanwhile.
    }
  }
}
