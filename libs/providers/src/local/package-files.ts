import { createRequire } from 'node:module';
import path from 'node:path';

const require = createRequire(import.meta.url);

/** A file of an installed package, by its path from the folder of the package's main file. */
export function packageFile(packageName: string, fromMain: string): string {
  return path.join(path.dirname(require.resolve(packageName)), fromMain);
}

/** Whether an optional package is there to be used; nothing of it is loaded. */
export function isInstalled(packageName: string): boolean {
  try {
    require.resolve(packageName);
    return true;
  } catch {
    // Not installed: the models that need it stay out of the catalog.
    return false;
  }
}
