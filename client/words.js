// Numbers, bytes, texts and close codes in words. Nothing here touches the page or keeps anything.

export function hexOf(bytes, between = ' ') {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(between);
}

/** "48 65 6c" or "48656c" to bytes; throws an error whose message can be shown. */
export function bytesOfHex(hex) {
  const wrong = hex.match(/[^0-9a-f\s]/iu);
  if (wrong) throw new SyntaxError(`${quote(wrong[0])} is not a hex digit. These are 0–9 and a–f.`);
  const words = hex.split(/\s+/);
  const odd = words.find((word) => word.length % 2 === 1);
  if (odd) throw new SyntaxError(`${quote(odd)} is half a byte short: write two digits a byte, such as 0a.`);
  return Uint8Array.from(words.join('').match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

// Characters that nobody sees, and that turn the text around them: U+202E makes "gpj.exe" of "exe.jpg". What
// the server prints has the same ones written out (is_unprintable in wire.c).
const INVISIBLE = /[\x7f-\xa0\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{10ffff}]/gu;

/** Invisible characters written out, as \u202e or \u{e0001}. */
export function visible(text) {
  return text.replace(INVISIBLE, (one) => {
    const hex = one.codePointAt(0).toString(16);
    return hex.length > 4 ? `\\u{${hex}}` : `\\u${hex.padStart(4, '0')}`;
  });
}

/** In quotation marks, with line ends and invisible characters written out. */
export function quote(text) {
  return visible(JSON.stringify(text));
}

const numbers = new Intl.NumberFormat('en');        // 1,048,576

export function count(number, noun) {
  return `${numbers.format(number)} ${noun}${String(number) === '1' ? '' : 's'}`;
}

/** Milliseconds with as many digits as they deserve: 0.31 ms, 13.4 ms, 1,013 ms. */
export function duration(ms) {
  const digits = Math.abs(ms) < 1 ? 2 : Math.abs(ms) < 100 ? 1 : 0;
  return `${ms < 1000 ? ms.toFixed(digits) : numbers.format(Math.round(ms))} ms`;
}

/**
 * The first characters of a text. Whole ones: a cut through the middle of an emoji would show as rubbish.
 * more: the text itself is already the beginning of a longer one.
 */
export function startOf(text, shown, more = false) {
  const start = [...text.slice(0, 2 * shown)].slice(0, shown).join('');
  return quote(start) + (more || start.length < text.length ? ' …' : '');
}

/** The first bytes, in hex. */
export function startOfBytes(bytes, shown, more = false) {
  return hexOf(bytes.subarray(0, shown)) + (more || bytes.length > shown ? ' …' : '');
}

// ---- Close codes (RFC 6455, section 7.4) -----------------------------------------

const CLOSE_WORDS = {
  1000: 'All is well, the work is done.',
  1001: 'One side is going away: the server is stopping, or the page is being left.',
  1002: 'One side broke a rule of the protocol.',
  1003: 'One side got a kind of message that it does not take.',
  1005: 'No code was given. (1005 is never sent: it is how the browser says so.)',
  1006: 'The connection ended without a Close frame, or never came to be. '
    + '(1006 is never sent: it is how the browser says so.)',
  1007: 'A text message was not valid UTF-8.',
  1008: 'A message went against the other side’s policy.',
  1009: 'A message was larger than the other side takes.',
  1010: 'The server did not offer an extension that the browser needs.',
  1011: 'The server could not go on, because of an error of its own.',
  1012: 'The server is restarting.',
  1013: 'The server has too much to do: try again later.',
};

export function closeWords(code) {
  if (code in CLOSE_WORDS) return CLOSE_WORDS[code];
  if (code >= 4000) return 'A code of the program’s own: 4000 to 4999 are free for anyone to use.';
  if (code >= 3000) return 'A code registered for some library or program.';
  return 'A code of the protocol that this page has no words for.';
}
