/**
 * Bytes of a text in UTF-8. For short texts faster than to ask the runtime. Half a surrogate pair counts as what
 * replaces it, U+FFFD: three.
 */
export function utf8Length(text: string): number {
  let bytes = 0;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code < 0x80) bytes += 1;
    else if (code < 0x800) bytes += 2;
    else if (isHighHalf(code) && isLowHalf(text.charCodeAt(index + 1))) {
      bytes += 4;
      index += 1;
    } else bytes += 3;
  }
  return bytes;
}

function isHighHalf(code: number): boolean {
  return code >= 0xd800 && code < 0xdc00;
}

/** False for what is read beyond the end: NaN. */
function isLowHalf(code: number): boolean {
  return code >= 0xdc00 && code < 0xe000;
}
