import { createInterface } from 'node:readline';
import { connect } from '@edis/client';

/**
 * The reading half of write-read pairs in a process of its own. Takes `{"id","key","token","expected","delayMs"}` lines
 * on stdin, reads the key after the token, and answers `{"id","ok","role"}` lines on stdout. Ends with stdin.
 */
interface Pair {
  readonly id: number;
  readonly key: string;
  readonly token: string;
  readonly expected: string;
  readonly delayMs: number;
}

const client = await connect({ info: process.argv[2] ?? '', timeoutMs: 20_000 });
const underWay = new Set<Promise<void>>();

function parsePair(line: string): Pair {
  const parsed: unknown = JSON.parse(line);
  if (isPair(parsed)) return parsed;
  throw new Error(`this is no pair: ${line}`);
}

function isPair(parsed: unknown): parsed is Pair {
  return typeof parsed === 'object' && parsed !== null && 'id' in parsed && 'key' in parsed && 'token' in parsed;
}

async function read({ id, key, token, expected, delayMs }: Pair): Promise<void> {
  if (delayMs > 0) {
    await new Promise<void>((resolve) => {
      setTimeout(resolve, delayMs);
    });
  }
  const result = await client.get(key, { consistency: 'session', after: token });
  const ok = result !== undefined && Number(Buffer.from(result.value).toString()) >= Number(expected);
  process.stdout.write(`${JSON.stringify({ id, ok, role: result?.servedBy.role })}\n`);
}

for await (const line of createInterface({ input: process.stdin })) {
  const done: Promise<void> = read(parsePair(line)).finally(() => underWay.delete(done));
  underWay.add(done);
}
await Promise.all(underWay);
await client.close();
