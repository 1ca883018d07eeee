// `npm run emulators [-- --port 8091]`: every emulated platform on loopback, and what to set to reach them.
import { parseArgs } from 'node:util';
import { emulatorDefinitions, emulatorVariables, openRunpodConsole, startEmulators } from './index.ts';

const { values } = parseArgs({ options: { port: { type: 'string', default: '8091' } } });
const emulators = await startEmulators({
  definitions: emulatorDefinitions,
  port: Number(values.port),
  now: Date.now,
});
const runpodConsole = await openRunpodConsole({ mint: () => emulators.of('runpod').keys.valid });
const names = emulators.all().map(({ definition }) => definition.title);
console.log(`Emulated platforms: ${names.join(', ')}. Start Inferry with:\n`);
for (const [name, value] of Object.entries(emulatorVariables(emulators)))
  console.log(`export ${name}=${value}`);
console.log('\nTo sign in at the emulated console of Runpod (INFERRY_AUTH=oauth):\n');
for (const [name, value] of Object.entries(runpodConsole.env)) console.log(`export ${name}=${value}`);
console.log(
  '\nKeys that end in broke-0123456789abcdef have no credit; revoked-0123456789abcdef are refused.',
);
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(
    signal,
    () => void Promise.all([emulators.close(), runpodConsole.close()]).then(() => process.exit(0)),
  );
}
