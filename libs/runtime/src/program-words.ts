/** How commands are called where this runs: `npm run keys -- list` in the repository, `inferry keys list` from the package. */
import { type Env, readEnv } from './config.ts';

/** The package's own start script says that it is one. */
function isPackage(env: Env): boolean {
  return env.INFERRY_STARTED_AS === 'package';
}

/** A text for people, whose commands are written as in the repository. */
export function sayCommands(text: string, env: Env = readEnv()): string {
  if (!isPackage(env)) return text;
  return text
    .replace(/\bnpm run ([a-z][a-z-]*)( --(?= |$))?/gm, 'inferry $1')
    .replace(/\bnpm start( --(?= |$))?/gm, 'inferry start');
}

/** Takes what is said to people. */
export function speaking(out: { write(text: string): unknown }, env: Env): { write(text: string): unknown } {
  return { write: (text) => out.write(sayCommands(text, env)) };
}
