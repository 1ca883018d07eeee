// npm run trial:kube, npm run trial:cluster: the chart on real pods. Not part of npm test: images take minutes to build.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tryCluster } from './cluster.ts';
import { tryKubePlay } from './play.ts';

const scripts = join(import.meta.dirname, '../../deploy/trials');
const folder = process.env.TRIAL_FOLDER ?? join(tmpdir(), 'inferry-trials');
const say = (line: string) => process.stdout.write(`${line}\n`);

// Once more inside of the engine's network, where pods can be reached, with everything that it needs in place.
if (process.env.INFERRY_TRIAL_INSIDE === undefined) {
  const env = { ...process.env, TRIAL_FOLDER: folder, INFERRY_TRIAL_INSIDE: '1' };
  const again = [process.execPath, '--disable-warning=ExperimentalWarning', ...process.argv.slice(1)];
  const child = spawn(join(scripts, 'prepare.sh'), again, { env, stdio: 'inherit' });
  const [code] = await once(child, 'exit');
  process.exitCode = typeof code === 'number' ? code : 1;
} else {
  const attempt = process.argv[2] === 'cluster' ? tryCluster : tryKubePlay;
  process.exitCode = (await attempt({ folder, say })) ? 0 : 1;
}
