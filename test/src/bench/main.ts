/** `npm run bench` measures a whole network; with `-- journal` the journal alone, with `-- governance` how members join. */
const wanted = process.argv.slice(2).find((word) => word !== "--");
if (wanted === "journal" || wanted === "governance") {
  process.argv.splice(process.argv.indexOf(wanted), 1);
  await import(wanted === "journal" ? "./journal.js" : "./governance.js");
} else {
  await import("./network.js");
}
