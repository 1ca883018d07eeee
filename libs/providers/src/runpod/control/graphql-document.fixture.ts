/** Reads a GraphQL document as far as tests compare one: its operation, its variables and the fields that it selects. */

export interface Document {
  operation: string;
  variables: string[];
  selects: Record<string, unknown>;
}

export function readDocument(text: string): Document {
  const tokens = text.match(/[A-Za-z_$][\w$]*|[{}()[\]:!,]|"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?/g) ?? [];
  let at = 0;
  const next = () => tokens[at++] ?? '';
  const operation = tokens[0] === '{' ? 'query' : next();
  if (/^\w/.test(tokens[at] ?? '')) next();
  const variables: string[] = [];
  if (tokens[at] === '(') {
    for (let token = next(); token !== ')' && token !== ''; token = next())
      if (token.startsWith('$')) variables.push(token);
  }

  /** Names of arguments, those within objects included. */
  function readArguments(): string[] {
    const names: string[] = [];
    let depth = 0;
    do {
      const token = next();
      if (token === '(') depth += 1;
      if (token === ')') depth -= 1;
      if (tokens[at] === ':' && /^[A-Za-z_]/.test(token)) names.push(token);
      if (token === '') break;
    } while (depth > 0);
    return names.toSorted();
  }

  function readSelection(): Record<string, unknown> {
    const selects: Record<string, unknown> = {};
    next();
    while (tokens[at] !== '}' && at < tokens.length) {
      const name = next();
      const names = tokens[at] === '(' ? readArguments() : [];
      const key = names.length === 0 ? name : `${name}(${names.join(',')})`;
      selects[key] = tokens[at] === '{' ? readSelection() : true;
    }
    next();
    return selects;
  }
  return { operation, variables, selects: readSelection() };
}
