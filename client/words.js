// Numbers, bytes, texts and close codes in words, for both halves of the page.

export function hexOf(bytes, between) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(between);
}

// In quotation marks, with line ends and the like written out as \n.
export function quote(text) {
  return JSON.stringify(text);
}

const numbers = new Intl.NumberFormat('en');        // 1,048,576

export function count(number, noun) {
  return `${numbers.format(number)} ${noun}${String(number) === '1' ? '' : 's'}`;
}

// Counted in whole characters: a cut through the middle of an emoji would show as rubbish.
// more says that the text itself is already the beginning of a longer one.
export function startOf(text, shown, more = false) {
  const start = [...text.slice(0, 2 * shown)].slice(0, shown).join('');
  return quote(start) + (more || start.length < text.length ? ' …' : '');
}

// ---- Close codes ---------------------------------------------------------------

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
