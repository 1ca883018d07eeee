// A process of its own, so that it can be given a core of its own: takes loads over its channel, one at a time.
import { type LoadOptions, runLoad } from './load.ts';

process.on('message', (options: LoadOptions) => {
  runLoad(options).then(
    (result) => process.send?.({ result }),
    (error: unknown) => process.send?.({ error: String(error) }),
  );
});
// Whoever started it is gone, in whatever manner.
process.once('disconnect', () => process.exit(0));
