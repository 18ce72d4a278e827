// game.js - a guessing game for whoever is in the chat
//
// The server knows nothing of it. All pages get the same messages in the same order, so all of them agree on
// who has begun the game last: that one's page keeps the number, and replies to guesses.
//
//     ada: new
//     ada: I am thinking of a number from 1 to 100
//     bob: 50
//     ada: 50 is too high
//     bob: 42
//     ada: 42 is right: bob wins

const name = new URLSearchParams(location.search).get('name') ?? 'guest';
const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
const socket = new WebSocket(`${scheme}//${location.host}/chat?name=${encodeURIComponent(name)}`);

const form = document.querySelector('form');
const field = document.querySelector('input');
const log = document.querySelector('#said');

let number = null; // what this page is thinking of; null: another page does, or none

// As text: what somebody says may look like HTML.
function show(text) {
  const line = document.createElement('li');
  line.textContent = text;
  log.append(line);
  line.scrollIntoView();
}

function judged(guess, guesser) {
  if (guess < number) return `${guess} is too low`;
  if (guess > number) return `${guess} is too high`;
  return `${guess} is right: ${guesser} wins`;
}

// What somebody says concerns the game if it is "new", or a number and nothing else. "50 is too low" is none,
// or the page would reply to itself, without end.
function play(who, text) {
  if (text === 'new') {
    number = who === name ? 1 + Math.floor(Math.random() * 100) : null;
    if (number !== null) socket.send('I am thinking of a number from 1 to 100');
  } else if (number !== null && /^\d{1,3}$/.test(text)) {
    const guess = Number(text); // "9" > "42" is true, but 9 > 42 is not
    socket.send(judged(guess, who));
    if (guess === number) number = null;
  }
}

socket.onmessage = ({ data }) => {
  show(data);
  const said = /^([\w-]+): (.*)$/s.exec(data); // the server's own lines begin with "* "
  if (said) play(said[1], said[2]);
};

socket.onclose = ({ code }) => show(`The connection has ended (${code}). Reload the page to join again.`);

form.onsubmit = (event) => {
  event.preventDefault();
  if (socket.readyState === WebSocket.OPEN && field.value !== '') socket.send(field.value);
  field.value = '';
};
