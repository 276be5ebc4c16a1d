/** Runs, and never speaks to its peer. */
setInterval(() => {}, 1_000);
for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60_000);
