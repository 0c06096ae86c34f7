import { PassThrough } from 'node:stream';

/** What a terminal is for those who write to it; it keeps the text. */
export class FakeTerminal extends PassThrough {
  isTTY = true;
  columns = 80;
  rows = 24;
  text = '';
  rawModes: boolean[] = [];

  constructor() {
    super({ encoding: 'utf8' });
    this.on('data', (chunk: string) => {
      this.text += chunk;
    });
  }

  setRawMode(raw: boolean): this {
    this.rawModes.push(raw);
    return this;
  }
}
