import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { connect } from '@edis/client';
import { Mirror, parseMirrorState } from './mirror.ts';

/**
 * Mirrors the cluster of info INFO in the file FILE, and goes on from there where another process stopped: INFO FILE.
 * It may be killed at any moment: the file always is one whole state. Writes a line to stdout each time that it has
 * saved. Ends with stdin.
 */
const [info = '', file = ''] = process.argv.slice(2);
/** Less often than every event, so that what was seen since is lost with the process, and has to come again. */
const mostUnsavedEvents = 40;
/** When no more events come, the last of them are saved too. */
const saveMs = 50;

const mirror = new Mirror(existsSync(file) ? parseMirrorState(readFileSync(file, 'utf8')) : undefined);
let unsaved = 0;
let saveAt = 1;

function save(): void {
  const written = `${file}.new`;
  writeFileSync(written, JSON.stringify(mirror.state));
  renameSync(written, file);
  unsaved = 0;
  saveAt = 1 + Math.floor(Math.random() * mostUnsavedEvents);
  process.stdout.write('saved\n');
}

const controller = new AbortController();
process.stdin.on('end', () => controller.abort()).resume();
const client = await connect({ info, timeoutMs: 20_000 });
const timer = setInterval(() => {
  if (unsaved > 0) save();
}, saveMs);
for await (const event of client.watch({ from: mirror.token ?? 'start', signal: controller.signal })) {
  mirror.apply(event);
  unsaved += 1;
  if (unsaved >= saveAt) save();
}
clearInterval(timer);
await client.close();
