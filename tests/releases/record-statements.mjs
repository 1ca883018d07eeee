// Writes every statement that a process sends to a database, with its parameters, to RECORD_FILE: node --import.
import { appendFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { DatabaseSync } from 'node:sqlite';

const file = process.env.RECORD_FILE;
const requireThere = createRequire(new URL('../../libs/database/package.json', import.meta.url));

const plain = (value) =>
  typeof value === 'bigint' ? Number(value) : value instanceof Uint8Array ? null : (value ?? null);
const note = (dialect, sql, values) =>
  appendFileSync(file, `${JSON.stringify([dialect, sql, values.map(plain)])}\n`);

const prepare = DatabaseSync.prototype.prepare;
DatabaseSync.prototype.prepare = function (sql, ...rest) {
  const statement = prepare.call(this, sql, ...rest);
  for (const name of ['all', 'run', 'get']) {
    const own = statement[name].bind(statement);
    statement[name] = (...values) => {
      note('sqlite', sql, values);
      return own(...values);
    };
  }
  return statement;
};

const { Client } = requireThere('pg');
const query = Client.prototype.query;
Client.prototype.query = function (text, values, ...rest) {
  if (typeof text === 'string') note('postgres', text, Array.isArray(values) ? values : []);
  return query.call(this, text, values, ...rest);
};
