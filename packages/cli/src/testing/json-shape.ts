/**
 * The JSON shapes of docs/cli.md: a small part of TypeScript's types, read and checked against documents.
 *
 * A document must have every field that is not optional and no other; so a field that is printed and not documented, or
 * documented and never printed, is found.
 */

export type Shape =
  | { readonly kind: 'word'; readonly word: 'string' | 'number' | 'boolean' | 'null' }
  | { readonly kind: 'literal'; readonly value: string | boolean }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'array'; readonly element: Shape }
  | { readonly kind: 'union'; readonly members: readonly Shape[] }
  | ObjectShape;

interface ObjectShape {
  readonly kind: 'object';
  readonly fields: ReadonlyMap<string, { readonly shape: Shape; readonly optional: boolean }>;
  /** Of `[name: string]`. */
  readonly others: Shape | undefined;
}

/** Reads `type Name = …;`, any number of them. */
export function parseShapes(text: string): Map<string, Shape> {
  const tokens = text.replaceAll(/\/\/.*$/gm, '').match(/'[^']*'|[\w-]+|\[\]|[[\]{}():;?|=]/g) ?? [];
  const reader = new ShapeReader(tokens);
  return reader.readAll();
}

class ShapeReader {
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(tokens: readonly string[]) {
    this.#tokens = tokens;
  }

  readAll(): Map<string, Shape> {
    const shapes = new Map<string, Shape>();
    while (this.#at < this.#tokens.length) {
      this.#take('type');
      const name = this.#next();
      this.#take('=');
      shapes.set(name, this.#readUnion());
      this.#take(';');
    }
    return shapes;
  }

  #readUnion(): Shape {
    this.#skip('|');
    const members = [this.#readArray()];
    while (this.#skip('|')) members.push(this.#readArray());
    const [only] = members;
    return members.length === 1 && only !== undefined ? only : { kind: 'union', members };
  }

  #readArray(): Shape {
    let shape = this.#readOne();
    while (this.#skip('[]')) shape = { kind: 'array', element: shape };
    return shape;
  }

  #readOne(): Shape {
    if (this.#skip('(')) {
      const shape = this.#readUnion();
      this.#take(')');
      return shape;
    }
    if (this.#skip('{')) return this.#readObject();
    const token = this.#next();
    if (token.startsWith("'")) return { kind: 'literal', value: token.slice(1, -1) };
    if (token === 'true' || token === 'false') return { kind: 'literal', value: token === 'true' };
    if (token === 'string' || token === 'number' || token === 'boolean' || token === 'null') {
      return { kind: 'word', word: token };
    }
    return { kind: 'name', name: token };
  }

  #readObject(): ObjectShape {
    const fields = new Map<string, { shape: Shape; optional: boolean }>();
    let others: Shape | undefined;
    while (!this.#skip('}')) {
      if (this.#skip('[')) {
        this.#next();
        for (const token of [':', 'string', ']', ':']) this.#take(token);
        others = this.#readUnion();
      } else {
        const name = this.#next();
        const optional = this.#skip('?');
        this.#take(':');
        fields.set(name, { shape: this.#readUnion(), optional });
      }
      this.#skip(';');
    }
    return { kind: 'object', fields, others };
  }

  #next(): string {
    const token = this.#tokens[this.#at];
    if (token === undefined) throw new Error('the shape ends too early');
    this.#at += 1;
    return token;
  }

  #skip(token: string): boolean {
    if (this.#tokens[this.#at] !== token) return false;
    this.#at += 1;
    return true;
  }

  #take(token: string): void {
    const found = this.#next();
    if (found !== token) throw new Error(`'${token}' is expected where '${found}' is`);
  }
}

/** Compares documents with shapes, and remembers which objects of the shapes it has met. */
export class ShapeCheck {
  readonly #shapes: ReadonlyMap<string, Shape>;
  readonly #met = new Set<ObjectShape>();

  constructor(shapes: ReadonlyMap<string, Shape>) {
    this.#shapes = shapes;
  }

  /** What is wrong with a document; undefined: nothing. */
  fault(document: unknown, name: string): string | undefined {
    return this.#faultOf(document, { kind: 'name', name }, name);
  }

  /** Objects within a shape that no document had. */
  unmet(name: string): string[] {
    return this.#objectsOf({ kind: 'name', name })
      .filter((shape) => !this.#met.has(shape))
      .map((shape) => `{ ${[...shape.fields.keys()].join(', ')} }`);
  }

  #objectsOf(shape: Shape): ObjectShape[] {
    switch (shape.kind) {
      case 'object': {
        const inner = [...shape.fields.values()].map((field) => field.shape);
        return [
          shape,
          ...[...inner, ...(shape.others === undefined ? [] : [shape.others])].flatMap((one) => this.#objectsOf(one)),
        ];
      }
      case 'array':
        return this.#objectsOf(shape.element);
      case 'union':
        return shape.members.flatMap((member) => this.#objectsOf(member));
      case 'name':
        // Shapes that several commands share are met by some of them.
        return shape.name.endsWith('Output') || shape.name.endsWith('Note')
          ? this.#objectsOf(this.#named(shape.name))
          : [];
      case 'literal':
      case 'word':
        return [];
    }
  }

  #named(name: string): Shape {
    const shape = this.#shapes.get(name);
    if (shape === undefined) throw new Error(`the type ${name} is not documented`);
    return shape;
  }

  #faultOf(value: unknown, shape: Shape, path: string): string | undefined {
    const wrong = (what: string) => `${path} is ${JSON.stringify(value)}, not ${what}`;
    switch (shape.kind) {
      case 'name':
        return this.#faultOf(value, this.#named(shape.name), path);
      case 'literal':
        return value === shape.value ? undefined : wrong(JSON.stringify(shape.value));
      case 'word': {
        const matches = shape.word === 'null' ? value === null : typeof value === shape.word;
        return matches ? undefined : wrong(shape.word);
      }
      case 'array':
        if (!Array.isArray(value)) return wrong('an array');
        return firstFault(value, (element, index) => this.#faultOf(element, shape.element, `${path}[${index}]`));
      case 'union': {
        const faults = shape.members.map((member) => this.#faultOf(value, member, path));
        return faults.includes(undefined) ? undefined : faults.join('; ');
      }
      case 'object':
        return this.#objectFault(value, shape, path);
    }
  }

  #objectFault(value: unknown, shape: ObjectShape, path: string): string | undefined {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return `${path} is not an object`;
    const entries = new Map<string, unknown>(Object.entries(value));
    const fault =
      firstFault([...shape.fields], ([name, field]) => {
        if (!entries.has(name)) return field.optional ? undefined : `${path}.${name} is missing`;
        return this.#faultOf(entries.get(name), field.shape, `${path}.${name}`);
      }) ??
      firstFault([...entries], ([name, entry]) => {
        if (shape.fields.has(name)) return undefined;
        if (shape.others === undefined) return `${path}.${name} is not documented`;
        return this.#faultOf(entry, shape.others, `${path}.${name}`);
      });
    if (fault === undefined) this.#met.add(shape);
    return fault;
  }
}

function firstFault<Item>(
  items: readonly Item[],
  faultOf: (item: Item, index: number) => string | undefined,
): string | undefined {
  for (const [index, item] of items.entries()) {
    const fault = faultOf(item, index);
    if (fault !== undefined) return fault;
  }
  return undefined;
}
