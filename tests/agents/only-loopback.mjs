// Loaded before a client's own code (`node --import`): connections to anywhere but this machine are refused and named on stderr,
// and whoever started it takes it along, however that ends.
import { Socket } from 'node:net';

const here = new Set(['localhost', '127.0.0.1', '::1']);
const connect = Socket.prototype.connect;

Socket.prototype.connect = function (...args) {
  // `net.connect` hands over what it made of its arguments, as a list.
  const [place] = Array.isArray(args[0]) ? args[0] : args;
  const { host = 'localhost', path } = typeof place === 'object' ? place : { host: args[1] };
  if (typeof path === 'string' || here.has(host)) return connect.apply(this, args);
  process.stderr.write(`refused: ${host}\n`);
  const error = Object.assign(new Error(`No way to ${host} from here`), { code: 'ENETUNREACH' });
  process.nextTick(() => this.destroy(error));
  return this;
};

const parent = process.ppid;
setInterval(() => process.ppid === parent || process.exit(1), 1_000).unref();
