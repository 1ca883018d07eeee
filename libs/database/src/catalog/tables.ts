export interface CatalogDetailTables {
  model_details: ModelDetailTable;
}

/** A model of a platform whose list holds summaries: what it says of the one model. */
export interface ModelDetailTable {
  /** `<provider>/<native id>` */
  model: string;
  provider: string;
  /** The whole `ProviderModel` as JSON. */
  document: string;
  /** Fingerprint of the summary that it was asked for with: another one makes it old. */
  listed_as: string;
  described_at: number;
}
