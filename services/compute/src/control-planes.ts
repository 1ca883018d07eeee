/** The platforms whose machines this deployment can reach, each with the key of whoever calls. */

import { createHash } from 'node:crypto';
import type { HandlerContext } from '@inferry/bus';
import { AppError, type Principal } from '@inferry/contracts';
import type { AccessClient, CredentialClient } from '@inferry/credentials';
import type { ControlPlane, ProviderContext } from '@inferry/providers';

export class ControlPlanes {
  readonly #planes: ReadonlyMap<string, ControlPlane>;
  readonly #keys: CredentialClient;
  readonly #access: Pick<AccessClient, 'of'>;

  constructor({
    planes,
    keys,
    access,
  }: {
    planes: readonly ControlPlane[];
    keys: CredentialClient;
    access: Pick<AccessClient, 'of'>;
  }) {
    this.#planes = new Map(planes.map((plane) => [plane.slug, plane]));
    this.#keys = keys;
    this.#access = access;
  }

  get all(): ControlPlane[] {
    return [...this.#planes.values()];
  }

  /** Throws where there is none of this name. */
  of(provider: string): ControlPlane {
    const plane = this.#planes.get(provider);
    if (plane !== undefined) return plane;
    throw new AppError('provider_not_connected', 'This deployment has no machines of that platform.', {
      nextAction: 'Ask whoever runs this server to connect it.',
    });
  }

  /** Makes a call with the caller's key; one that the platform refuses is told to whoever keeps it. */
  async with<T>(
    plane: ControlPlane,
    { principal, signal }: Pick<HandlerContext, 'principal' | 'signal'>,
    call: (context: ProviderContext) => Promise<T>,
  ): Promise<T> {
    if (plane.isShared === true) return call({ signal, owner: await this.#ownerAt(plane, principal) });
    const key = await this.#keys.get(plane.slug, principal, { signal });
    if (key === undefined && plane.needsKey) {
      throw new AppError('provider_not_connected', `${plane.title} is not connected.`, {
        nextAction: `Your access has no key of ${plane.title}: bring one (the account page takes it).`,
      });
    }
    try {
      return await call({
        signal,
        credential: key?.credential,
        ...(key?.baseUrl !== undefined && { baseUrl: key.baseUrl }),
      });
    } catch (error) {
      if (key !== undefined && error instanceof AppError && error.code === 'unauthorized') {
        // What comes of it matters to the next call alone.
        await this.#keys.report(plane.slug, key.connectionId, principal).catch(() => 'unknown');
      }
      throw error;
    }
  }

  /** Machines of the deployment are for those who may spend what is the deployment's; each sees their own. */
  async #ownerAt({ title }: ControlPlane, principal: Principal): Promise<string | undefined> {
    if (isOwnService(principal)) return undefined;
    const { mayUseDeployment } = await this.#access.of(principal);
    if (mayUseDeployment) return ownerOf(principal);
    throw new AppError('forbidden', `${title} is not for your access.`, {
      nextAction: 'Ask whoever runs this server.',
    });
  }
}

/** The deployment itself, which ends machines whose time is over. */
function isOwnService({ subject }: Principal): boolean {
  return subject.startsWith('inferry:');
}

/** Of one owner, and nothing that anybody could read out of the machine that carries it. */
export function ownerOf({ subject }: Principal): string {
  return createHash('sha256').update(subject).digest('base64url').slice(0, 16);
}
