import { EdisError } from '@edis/core';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { Key, Value } from './options.ts';
import type { BytesKeyspaceOptions, Codec, KeyspaceOptions, TextKeyspaceOptions, ValueSchema } from './value-codec.ts';

export type AnyKeyspaceOptions = TextKeyspaceOptions<string> | BytesKeyspaceOptions | KeyspaceOptions<unknown>;

/** Schemas may find an issue for each element of a list. */
const maxIssuesInMessage = 3;

const jsonCodec: Codec<unknown> = Object.freeze({
  encode: (item: unknown): string => {
    const text: string | undefined = JSON.stringify(item);
    if (text === undefined) throw new TypeError(`JSON has no form for ${typeof item}`);
    return text;
  },
  decode: (value: Uint8Array): unknown => JSON.parse(textOf(value)),
});

const textCodec: Codec<unknown> = Object.freeze({
  encode: (item: unknown): string => {
    if (typeof item === 'string') return item;
    throw new TypeError(`it is ${typeof item} and not a text`);
  },
  decode: (value: Uint8Array): unknown => textOf(value),
});

const bytesCodec: Codec<unknown> = Object.freeze({
  encode: (item: unknown): Uint8Array => {
    if (item instanceof Uint8Array) return item;
    throw new TypeError(`it is ${typeof item} and not a Uint8Array`);
  },
  decode: (value: Uint8Array): unknown => value,
});

/** Codec and schema of a keyspace; what they refuse is an error 'value-invalid' that names the key. */
export class ValueCoder {
  readonly #codec: Codec<unknown>;
  readonly #schema: ValueSchema<unknown> | undefined;

  constructor(options: AnyKeyspaceOptions) {
    this.#codec = codecOf(options.codec);
    this.#schema = options.schema;
  }

  async encode(item: unknown, key: Key): Promise<Value> {
    const checked = this.#schema === undefined ? item : await check(this.#schema, item, key);
    try {
      return this.#codec.encode(checked);
    } catch (error) {
      throw invalid(key, 'cannot be encoded', error);
    }
  }

  async decode(value: Uint8Array, key: Key): Promise<unknown> {
    let item: unknown;
    try {
      item = this.#codec.decode(value);
    } catch (error) {
      throw invalid(key, 'cannot be decoded', error);
    }
    return this.#schema === undefined ? item : check(this.#schema, item, key);
  }
}

function codecOf(codec: AnyKeyspaceOptions['codec']): Codec<unknown> {
  if (codec === 'json') return jsonCodec;
  if (codec === 'text') return textCodec;
  if (codec === 'bytes') return bytesCodec;
  if (typeof codec?.encode === 'function' && typeof codec.decode === 'function') return codec;
  throw new EdisError(
    'invalid-argument',
    'the codec is none of json, text, bytes and no object with encode and decode',
  );
}

async function check(schema: ValueSchema<unknown>, item: unknown, key: Key): Promise<unknown> {
  let result: StandardSchemaV1.Result<unknown>;
  try {
    result = await schema['~standard'].validate(item);
  } catch (error) {
    throw invalid(key, 'could not be checked', error);
  }
  const { issues } = result;
  if (issues === undefined) return result.value;
  const named = issues.slice(0, maxIssuesInMessage).map(issueText);
  const more = issues.length > named.length ? ` and ${issues.length - named.length} more` : '';
  throw invalid(key, 'does not fit the schema', issues, `${named.join('; ')}${more}`);
}

function issueText({ message, path }: StandardSchemaV1.Issue): string {
  if (path === undefined || path.length === 0) return message;
  const steps = path.map((step) => String(typeof step === 'object' ? step.key : step));
  return `${steps.join('.')}: ${message}`;
}

function invalid(key: Key, what: string, cause: unknown, why = EdisError.from(cause).message): EdisError {
  const name = typeof key === 'string' ? JSON.stringify(key) : `0x${Buffer.from(key).toString('hex')}`;
  return new EdisError('value-invalid', `the value of key ${name} ${what}: ${why}`, { cause });
}

/** Bytes that are no UTF-8 are refused and not repaired; a byte order mark belongs to the text. */
function textOf(value: Uint8Array): string {
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(value);
}
