// One clock for both ends: how far the server's clock is ahead of the browser's, as NTP finds it out. It
// touches no page.
//
// Nothing arrives before it was sent. So what the browser sent at 10 ms of its clock, and the server got
// at 510 ms of its own, says that the server is at most 500 ms ahead; and what the server sent at 512 ms
// and the browser got at 13 ms, that it is at least 499 ms ahead. The truth lies in between, 499.5 ms to
// half a millisecond. The quickest way there and the quickest way back decide; all others say less.

const RESOLUTION_MS = 0.1;          // browsers round their clock to this, so that pages cannot spy with it

export class Clock {
  /** Milliseconds that the server is ahead: at most, and at least. */
  constructor({ most = Infinity, least = -Infinity } = {}) {
    this.most = most;
    this.least = least;
    this.surely = -Infinity;        // the same as least, by what cannot be late
  }

  /** A frame left the browser at `browser` ms of its clock, and the server had it at `server` ms. */
  there(browser, server) {
    this.most = Math.min(this.most, server - browser);
    if (this.surely > this.most + RESOLUTION_MS) this.surely = -Infinity;      // a clock was set, or drifts
    if (this.least > this.most + RESOLUTION_MS) this.least = this.surely;
  }

  /**
   * The same for a frame that left the server. The server notes it when it has been sent, and may have been
   * interrupted in between; then this says too much. So what contradicts the other way is left out.
   */
  back(server, browser) {
    if (server - browser <= this.most + RESOLUTION_MS) this.least = Math.max(this.least, server - browser);
  }

  /** An event of the trace, of `server` ms, has arrived: it surely happened before. */
  told(server, browser) {
    this.surely = Math.max(this.surely, server - browser);
    this.least = Math.max(this.least, this.surely);
    if (this.surely > this.most + RESOLUTION_MS) this.most = Infinity;
  }

  /** Whether something has crossed both ways. */
  get known() {
    return Number.isFinite(this.most) && Number.isFinite(this.least);
  }

  get ahead() {
    if (this.known) return (this.most + this.least) / 2;
    return Number.isFinite(this.least) ? this.least : this.most;
  }

  /** The truth is at most so many milliseconds away. */
  get uncertainty() {
    return this.known ? Math.max(this.most - this.least, 0) / 2 + RESOLUTION_MS : Infinity;
  }

  /** The server's microseconds as milliseconds of the browser's clock. */
  browserTime(server) {
    return server / 1000 - this.ahead;
  }
}
