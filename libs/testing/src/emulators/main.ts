// `npm run emulators [-- --port 8091]`: every emulated platform on loopback, and what to set to reach them.
import { parseArgs } from 'node:util';
import { emulatorDefinitions, startEmulators } from './index.ts';

const { values } = parseArgs({ options: { port: { type: 'string', default: '8091' } } });
const emulators = await startEmulators({
  definitions: emulatorDefinitions,
  port: Number(values.port),
  now: Date.now,
});
console.log(
  `Emulated platforms: ${emulators
    .all()
    .map(({ definition }) => definition.slug)
    .join(', ')}`,
);
console.log(`\nINFERRY_EMULATORS=${emulators.url}\n`);
for (const { definition, keys } of emulators.all()) {
  console.log(
    `${definition.title}: key ${keys.valid} (without credit ${keys.broke}, revoked ${keys.revoked})`,
  );
}
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void emulators.close().then(() => process.exit(0)));
}
