/**
 * A string in which each character is one byte (0 – 255). Keys travel through every layer in this form: it hashes and
 * compares fast, costs a third of a Buffer, and pins no memory. For ASCII text it is the text itself.
 */
export type ByteString = string;

/** Bytes in either form that the layers use. */
export type Bytes = Uint8Array | ByteString;

/** String to string, in the order given by the writer. */
export type Metadata = Readonly<Record<string, string>>;
