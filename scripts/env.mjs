// npm run env: makes .env for docker-compose.yml, with a secret for every purpose and service. Plain JavaScript without
// dependencies. What .env has stays as it is; what it lacks is added at its end.
import { createPrivateKey, createPublicKey, hkdfSync, randomBytes } from 'node:crypto';
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const services = ['mcp-gateway', 'auth', 'catalog', 'inference-poller', 'upload', 'compute'];
const natsUsers = [...services, 'cli'];
const purposes = ['sessions', 'files', 'webhooks', 'hooks', 'fingerprints', 'oauth', 'pages'];
const file = resolve(process.argv[2] ?? join(fileURLToPath(new URL('..', import.meta.url)), '.env'));

const before = existsSync(file) ? readFileSync(file, 'utf8') : '';
const has = new Map(
  [...before.matchAll(/^([A-Z][A-Z0-9_]*)=(.*)$/gm)].map(([, name, value]) => [name, value.trim()]),
);
const isFirst = !has.get('INFERRY_SECRET');
const master = has.get('INFERRY_SECRET') || randomBytes(32).toString('hex');

const wanted = {
  INFERRY_SECRET: master,
  // It begins with a letter, so that no configuration file takes it for a number.
  ...Object.fromEntries(
    ['POSTGRES', 'REDIS', 'NATS', 'GRAFANA'].map((name) => [`${name}_PASSWORD`, password()]),
  ),
  ...Object.fromEntries(natsUsers.map((name) => [`NATS_PASSWORD_${upper(name)}`, password()])),
  ...Object.fromEntries(purposes.map((name) => [`INFERRY_SECRET_${upper(name)}`, derive(name)])),
  ...Object.fromEntries(services.map((name) => [`BUS_SIGNING_KEY_${upper(name)}`, derive(`bus/${name}`)])),
  BUS_PUBLIC_KEYS: services.map((name) => `${name}=${publicKey(derive(`bus/${name}`))}`).join(','),
};
const missing = Object.entries(wanted).filter(([name]) => !has.get(name));
const lines = missing.map(([name, value]) => `${name}=${value}`);
// Set and empty: services get the secrets above and not INFERRY_SECRET itself.
if (!has.has('SHARED_SECRET')) lines.push('SHARED_SECRET=');
if (lines.length === 0) {
  console.log(`${file} has everything.`);
} else {
  const text = `${before === '' || before.endsWith('\n') ? '' : '\n'}# Made by npm run env; keep a copy: a backup is of no use without it.\n${lines.join('\n')}\n`;
  if (before === '') writeFileSync(file, text, { mode: 0o600, flag: 'wx' });
  else appendFileSync(file, text);
  console.log(`${file}: added ${lines.map((line) => line.slice(0, line.indexOf('='))).join(', ')}`);
}
if (isFirst && before !== '')
  console.log('Values that were empty stand at the end now: the last one of a name holds.');

function password() {
  return `p${randomBytes(31).toString('hex')}`;
}

function upper(name) {
  return name.toUpperCase().replaceAll('-', '_');
}

/** As `deriveSecret` of libs/runtime. */
function derive(purpose) {
  return Buffer.from(hkdfSync('sha256', master, 'inferry', purpose, 32)).toString('base64url');
}

/** As `statementPublicKey` of libs/bus. */
function publicKey(seed) {
  const head = Buffer.from('302e020100300506032b657004220420', 'hex');
  const der = Buffer.concat([head, Buffer.from(seed, 'base64url')]);
  const key = createPublicKey(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }));
  return key.export({ format: 'jwk' }).x;
}
