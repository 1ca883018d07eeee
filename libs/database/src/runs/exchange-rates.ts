/** What a unit of each currency is worth, by whoever runs the deployment: amounts of one currency as amounts of another. */
export interface ExchangeRates {
  /** The amount in the other currency; undefined where no rate says. */
  convert(amount: number, from: string, to: string): number | undefined;
}

/** `worth` holds the value of one unit in US dollars, by currency. */
export function createExchangeRates(worth: ReadonlyMap<string, number>): ExchangeRates {
  const worthOf = (currency: string) => (currency === 'USD' ? 1 : worth.get(currency));
  return {
    convert(amount, from, to) {
      if (from === to || amount === 0) return amount;
      const [source, target] = [worthOf(from), worthOf(to)];
      return source === undefined || target === undefined ? undefined : (amount * source) / target;
    },
  };
}

/** Nothing is worth anything else: each currency stands alone. */
export const noExchangeRates: ExchangeRates = createExchangeRates(new Map());
