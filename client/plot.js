// The last round trips, as dots in a small plot, with the median and the 99th percentile.

import { duration } from './words.js';

const KEPT = 200;                   // round trips
const FEW = 20;                     // that do not take all of the width

const byId = (id) => document.getElementById(id);

let times = [];                     // milliseconds, oldest first
let behind = 0;                     // messages that were in the page's own queue before the last one
let asked = false;

/** A message has come back after so many milliseconds; so many others were not yet back when it was sent. */
export function addRoundTrip(ms, waiting) {
  times.push(ms);
  if (times.length > 2 * KEPT) times = times.slice(-KEPT);
  behind = waiting;
  if (!asked) requestAnimationFrame(draw);
  asked = true;
}

/** The value below which so many of a hundred are. */
export function percentile(sorted, hundredths) {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * hundredths / 100))];
}

function draw() {
  asked = false;
  const shown = times.slice(-KEPT);
  const sorted = [...shown].sort((a, b) => a - b);
  byId('round-trip').textContent = duration(shown.at(-1));
  byId('behind').hidden = behind === 0;
  byId('dots').setAttribute('d', shown.map((ms, i) => dot(i / Math.max(shown.length, FEW), ms / sorted.at(-1))).join(''));
  byId('most').textContent = duration(sorted.at(-1));
  byId('plot').removeAttribute('hidden');
  byId('median').textContent = sorted.length < 2 ? '' :
    `Of the last ${shown.length}: median ${duration(percentile(sorted, 50))}, 99th percentile ${duration(percentile(sorted, 99))}.`;
}

// A line of no length with a round end, in a plot of 200 by 60; x and y are parts of these.
function dot(x, y) {
  return `M${(200 * x).toFixed(1)} ${(56 - 52 * y).toFixed(1)}h0`;
}
