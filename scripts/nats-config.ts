/** deploy/nats/nats.conf: the users of the bus as docker-compose.yml has them, from the table in the code. */
import { natsConfig } from '@inferry/bus/nats';
import { serviceNames } from '@inferry/runtime';

export function composeNatsConfig(): string {
  const users = [...serviceNames, 'cli'].map((name) => ({
    name,
    password: `$NATS_PASSWORD_${name.toUpperCase().replaceAll('-', '_')}`,
  }));
  return `# Written by npm run docs from libs/bus/src/nats/nats-users.ts; passwords come from the server's environment.\n${natsConfig(users)}`;
}
