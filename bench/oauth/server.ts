// One replica of the authorization server on Postgres, and beside it the floor: what a refresh cannot do without.
import { openOAuth } from '@inferry/auth/oauth-testing';
import { openDatabase } from '@inferry/database';
import { createHttpApp, portOf } from '@inferry/runtime';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { CompiledQuery } from 'kysely';

/** A refresh asks the database this often: its turn, the token with its grant, the use, the next token, the answer. */
const roundTrips = 5;

const database = openDatabase({ url: process.env.DATABASE_URL ?? '' });
const oauth = await openOAuth({ database, replicas: 1, settings: { authorizationsPerAddress: 100_000 } });
const { privateKey } = await generateKeyPair('ES256', { extractable: true });
const { kid = 'floor' } = await exportJWK(privateKey);
const floor = await createHttpApp([]);
floor.addContentTypeParser('*', (_request, _payload, done) => done(null));
floor.post('/floor', async () => {
  for (let trip = 0; trip < roundTrips; trip += 1)
    await database.queries.executeQuery(CompiledQuery.raw('select 1'));
  const token = await new SignJWT({ gid: 'grant', scope: 'mcp' })
    .setProtectedHeader({ alg: 'ES256', kid, typ: 'at+jwt' })
    .setSubject('subject')
    .setExpirationTime('15m')
    .sign(privateKey);
  return { access_token: token };
});
floor.get('/cpu', async () => {
  const { user, system } = process.cpuUsage();
  return { micros: user + system };
});
await floor.listen({ host: '127.0.0.1', port: 0 });
console.log(`ready ${oauth.replicaUrls[0]} ${oauth.url} http://127.0.0.1:${portOf(floor)}`);
process.once('SIGTERM', () => process.exit(0));
