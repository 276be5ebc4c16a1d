/** `npm run bench` measures a whole network; `npm run bench -- journal` measures the journal alone. */
const wanted = process.argv.slice(2).find((word) => word !== "--");
if (wanted === "journal") {
  process.argv.splice(process.argv.indexOf("journal"), 1);
  await import("./journal.js");
} else {
  await import("./network.js");
}
