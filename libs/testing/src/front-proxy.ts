// What stands in front of a deployment: real nginx and Caddy, with TLS, on a host that they share with others.
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { requireBinary } from './binaries.ts';
import { type LocalServer, type Place, startLocalServer } from './local-server.ts';
import { probe } from './probes.ts';

export interface FrontProxyPlan {
  /** The port of the deployment on loopback. */
  upstream: number;
  /** The path below which it is, such as `/ai`; everything else of the host is somebody else's. */
  path: string;
}

type Kind = 'nginx' | 'caddy' | 'haproxy';

/** nginx passes the path on, Caddy takes it off: a deployment works behind both. */
export function startFrontProxy(kind: 'nginx' | 'caddy', plan: FrontProxyPlan): Promise<LocalServer> {
  const config = (place: Place) => (kind === 'nginx' ? nginxConfig(plan, place) : caddyConfig(plan, place));
  return startFront(kind, { path: plan.path, config });
}

/** The program with a configuration of any kind; `cert.pem`, `key.pem` and `both.pem` are in the folder of its place. */
export async function startFront(
  kind: Kind,
  { path, config }: { path: string; config(place: Place): string },
): Promise<LocalServer> {
  const program = await requireBinary(kind);
  return startLocalServer({
    name: kind,
    command: () => program,
    args(place) {
      const file = join(place.data, kind === 'caddy' ? 'Caddyfile' : `${kind}.conf`);
      writeFileSync(file, config(place));
      if (kind === 'nginx') return ['-c', file, '-p', place.data, '-e', join(place.data, 'errors.log')];
      return kind === 'caddy' ? ['run', '--config', file, '--adapter', 'caddyfile'] : ['-db', '-f', file];
    },
    async prepare(data) {
      const { cert, key } = frontCertificate;
      await writeFile(join(data, 'cert.pem'), cert);
      await writeFile(join(data, 'key.pem'), key, { mode: 0o600 });
      await writeFile(join(data, 'both.pem'), `${cert}\n${key}\n`, { mode: 0o600 });
    },
    stopSignal: 'SIGTERM',
    isReady: kind === 'haproxy' ? takesTls : answersPlain,
    toUrl: (port) => `https://localhost:${port}${path}`,
  });
}

/** To plain HTTP on its port of TLS nginx and Caddy answer at once. */
function answersPlain(port: number): Promise<boolean> {
  return probe(port, Buffer.from('GET / HTTP/1.0\r\n\r\n'), (answer) =>
    answer.toString('latin1').startsWith('HTTP/1'),
  );
}

async function takesTls(port: number): Promise<boolean> {
  const socket = connect({ port, host: '127.0.0.1', ca: frontCertificate.cert, servername: 'localhost' });
  try {
    await once(socket, 'secureConnect');
    return true;
  } catch {
    // Nobody listens yet.
    return false;
  } finally {
    socket.destroy();
  }
}

function nginxConfig({ upstream, path }: FrontProxyPlan, { port, data }: Place): string {
  const pass = `proxy_pass http://127.0.0.1:${upstream}; proxy_http_version 1.1; proxy_set_header Connection "";
    proxy_set_header Host $http_host; proxy_set_header X-Forwarded-For $remote_addr; proxy_buffering off;`;
  const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `${process.getuid?.() === 0 ? 'user root;' : ''} daemon off; worker_processes 1; pid ${data}/nginx.pid;
events {}
http {
  access_log off;
  ${folders.map((name) => `${name}_temp_path ${data}/${name};`).join(' ')}
  server {
    listen 127.0.0.1:${port} ssl;
    ssl_certificate ${data}/cert.pem; ssl_certificate_key ${data}/key.pem;
    location = ${path} { ${pass} }
    location ${path}/ { ${pass} }
    location ~ ^/\\.well-known/[a-z-]+${path}(/|$) { ${pass} }
    location / { return 404 "somebody else"; }
  }
}
`;
}

function caddyConfig({ upstream, path }: FrontProxyPlan, { port, data }: Place): string {
  return `{
  admin off
  auto_https disable_redirects
  skip_install_trust
  storage file_system ${data}/caddy
}
https://localhost:${port}, https://127.0.0.1:${port} {
  bind 127.0.0.1
  tls ${data}/cert.pem ${data}/key.pem
  handle_path ${path}/* {
    reverse_proxy 127.0.0.1:${upstream} {
      flush_interval -1
    }
  }
  @documents path_regexp ^/.well-known/[a-z-]+${path}(/|$)
  handle @documents {
    reverse_proxy 127.0.0.1:${upstream}
  }
  handle {
    respond "somebody else" 404
  }
}
`;
}

/** Of localhost; only tests trust it, and its key is used nowhere else. */
export const frontCertificate = {
  cert: `-----BEGIN CERTIFICATE-----
MIIBqDCCAU6gAwIBAgIUKpn45G4iH+AHIcKtLu37HWV/BPIwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEzMDE1MTQyN1oYDzIxMjYxMTA2
MTUxNDI3WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAASVVKwokOUqdJZKfqX61K0NucfYsFTuPPZk2+MIwaaJ7u3SgFetyugm
buDhV5Ymz9j91aSWjCuh8d84sd/tW2mLo3wwejAdBgNVHQ4EFgQUbvlcAtiGUerL
QIxsu5U4LGKHoBEwHwYDVR0jBBgwFoAUbvlcAtiGUerLQIxsu5U4LGKHoBEwDwYD
VR0TAQH/BAUwAwEB/zAnBgNVHREEIDAegglsb2NhbGhvc3SCCyoubG9jYWxob3N0
hwR/AAABMAoGCCqGSM49BAMCA0gAMEUCIQCtuZL9q+XdN9tNcQP6Qvzr9ItpoBIc
eT13ySIT83qJIAIgFQxX/5RjcOrJcupNqtGRRYdeWtGSfQ/X8/u11f9MZcE=
-----END CERTIFICATE-----`,
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgIkG+kKNMd3EYtMhC
Djta1yXQNexgxLtXxRhSvVzPqCKhRANCAASVVKwokOUqdJZKfqX61K0NucfYsFTu
PPZk2+MIwaaJ7u3SgFetyugmbuDhV5Ymz9j91aSWjCuh8d84sd/tW2mL
-----END PRIVATE KEY-----`,
} as const;
