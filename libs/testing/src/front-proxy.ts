// What stands in front of a deployment: real nginx and Caddy, with TLS, on a host that they share with others.
import { writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { requireBinary } from './binaries.ts';
import { type LocalServer, type Place, startLocalServer } from './local-server.ts';
import { probe } from './probes.ts';

export interface FrontProxyPlan {
  /** The port of the deployment on loopback. */
  upstream: number;
  /** The path below which it is, such as `/ai`; everything else of the host is somebody else's. */
  path: string;
}

/** nginx passes the path on, Caddy takes it off: a deployment works behind both. */
export async function startFrontProxy(kind: 'nginx' | 'caddy', plan: FrontProxyPlan): Promise<LocalServer> {
  const program = await requireBinary(kind);
  const file = (place: Place) => join(place.data, kind === 'nginx' ? 'nginx.conf' : 'Caddyfile');
  return startLocalServer({
    name: kind,
    command: () => program,
    args(place) {
      writeFileSync(file(place), kind === 'nginx' ? nginxConfig(plan, place) : caddyConfig(plan, place));
      return kind === 'nginx'
        ? ['-c', file(place), '-p', place.data, '-e', join(place.data, 'errors.log')]
        : ['run', '--config', file(place), '--adapter', 'caddyfile'];
    },
    async prepare(data) {
      await writeFile(join(data, 'cert.pem'), frontCertificate.cert);
      await writeFile(join(data, 'key.pem'), frontCertificate.key, { mode: 0o600 });
    },
    stopSignal: 'SIGTERM',
    // To plain HTTP on its port of TLS each of them answers at once.
    isReady: (port) =>
      probe(port, Buffer.from('GET / HTTP/1.0\r\n\r\n'), (answer) =>
        answer.toString('latin1').startsWith('HTTP/1'),
      ),
    toUrl: (port) => `https://localhost:${port}${plan.path}`,
  });
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
