// The server counts bytes of UTF-8, the editor counts UTF-16 units.

/** The UTF-16 index at which the byte stands; inside a character: its start; past the end: the length. */
export function indexOfByte(text: string, byte: number): number {
  let seen = 0;
  for (let i = 0; i < text.length;) {
    const code = text.codePointAt(i)!;
    const wide = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (seen + wide > byte) return i;
    seen += wide;
    i += code > 0xffff ? 2 : 1;
  }
  return text.length;
}

/** The byte at which the UTF-16 index stands. */
export const byteOfIndex = (text: string, index: number): number =>
  new TextEncoder().encode(text.slice(0, index)).length;
