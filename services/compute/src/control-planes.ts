/** The platforms whose machines this deployment can reach, each with the key of whoever calls. */
import type { HandlerContext } from '@inferry/bus';
import { AppError } from '@inferry/contracts';
import type { CredentialClient } from '@inferry/credentials';
import type { ControlPlane, ProviderContext } from '@inferry/providers';

export class ControlPlanes {
  readonly #planes: ReadonlyMap<string, ControlPlane>;
  readonly #keys: CredentialClient;

  constructor({ planes, keys }: { planes: readonly ControlPlane[]; keys: CredentialClient }) {
    this.#planes = new Map(planes.map((plane) => [plane.slug, plane]));
    this.#keys = keys;
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
}
