/** What this service reads of the environment besides the platforms. */
import { type Env, parseEnv } from '@inferry/runtime';
import { z } from 'zod';

const ComputeEnv = z.object({
  /** The socket of a container engine (Docker, Podman) whose containers are pods here: whoever may use it may run images on this host. */
  CONTAINER_ENGINE: z.string().optional(),
});

export function readComputeConfig(env: Env): { containerEngine: string | undefined } {
  return { containerEngine: parseEnv(ComputeEnv, env).CONTAINER_ENGINE };
}
