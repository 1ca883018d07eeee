// Whole numbers beyond 2^53 in an input: validated as the doubles nearest to them, sent as they were given.
import { isExactInteger, isObject, type JsonObject } from '@inferry/contracts';

const maxFound = 1_000;

interface Place {
  holder: JsonObject | unknown[];
  key: string | number;
  exact: unknown;
  nearest: number;
}

/** Runs a check while every `ExactInteger` is the number nearest to it; afterwards the input has its digits again. */
export function withNearestNumbers<T>(input: JsonObject, check: () => T): T {
  const places = placesIn(input);
  for (const place of places) put(place, place.nearest);
  try {
    return check();
  } finally {
    // What was taken out meanwhile stays out.
    for (const place of places) if (read(place) === place.nearest) put(place, place.exact);
  }
}

/** Never recursive: how deep an input may be was looked at before. */
function placesIn(input: JsonObject): Place[] {
  const places: Place[] = [];
  const left: (JsonObject | unknown[])[] = [input];
  for (let holder = left.pop(); holder !== undefined && places.length < maxFound; holder = left.pop()) {
    for (const [name, value] of Object.entries(holder)) {
      const key = Array.isArray(holder) ? Number(name) : name;
      if (isExactInteger(value)) places.push({ holder, key, exact: value, nearest: Number(value.$integer) });
      else if (isObject(value) || Array.isArray(value)) left.push(value);
    }
  }
  return places;
}

function read({ holder, key }: Place): unknown {
  if (Array.isArray(holder)) return holder[Number(key)];
  return Object.hasOwn(holder, key) ? holder[key] : undefined;
}

function put({ holder, key }: Place, value: unknown): void {
  if (Array.isArray(holder)) holder[Number(key)] = value;
  else holder[key] = value;
}
