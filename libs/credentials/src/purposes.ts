/** What a sealed text is for: one that was made for another use cannot be opened. */
export const purposes = {
  /** A key of a connection on its way from the vault to whoever calls the platform. */
  credential: (provider: string, connectionId: string): string => `credential|${provider}|${connectionId}`,
  /** A key that a caller brought along, on its way from the gateway to the vault. */
  passthrough: (provider: string): string => `passthrough|${provider}`,
} as const;
