import { AppError } from '@inferry/contracts';
import type { ProviderContext, ProviderModel } from '@inferry/providers';
import { ScriptedCatalogProvider } from './scripted-catalog-provider.ts';

/** A platform whose list holds summaries, and whose accounts have models of their own. */
export class AskingProvider extends ScriptedCatalogProvider {
  override readonly capabilities = {
    cancel: 'real',
    progress: 'percent',
    jobs: 'remote',
    watch: false,
    recover: true,
    inputUrls: 'public',
    ownModels: true,
  } as const;
  /** By native id; what is missing is unknown to the platform. */
  readonly details = new Map<string, ProviderModel>();
  /** By key. */
  readonly owned = new Map<string, ProviderModel[]>();
  /** Native ids, as they were asked for. */
  readonly described: string[] = [];
  ownListCalls = 0;
  /** The key of each call that came with one. */
  readonly keys: string[] = [];
  /** What the next questions about one model or account fail with. */
  awayWith: AppError | undefined;
  /** What the next list of an account waits for. */
  heldBy: Promise<void> | undefined;

  async describeModel(nativeId: string, context: ProviderContext): Promise<ProviderModel> {
    this.described.push(nativeId);
    this.#note(context);
    if (this.awayWith !== undefined) throw this.awayWith;
    const detail = this.details.get(nativeId);
    if (detail === undefined) throw new AppError('model_not_found', 'unknown here');
    return detail;
  }

  async listOwnModels(context: ProviderContext): Promise<ProviderModel[]> {
    this.ownListCalls += 1;
    this.#note(context);
    await this.heldBy;
    if (this.awayWith !== undefined) throw this.awayWith;
    return this.owned.get(context.credential?.reveal() ?? '') ?? [];
  }

  #note({ credential }: ProviderContext): void {
    if (credential !== undefined) this.keys.push(credential.reveal());
  }
}
