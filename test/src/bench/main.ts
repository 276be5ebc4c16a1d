/**
 * `npm run bench` measures a whole network; `-- journal` the journal alone, `-- governance` how members join, `-- peer`
 * how fast blocks are judged and stored, `-- state` queries.
 */
const SUBJECTS = ["journal", "governance", "peer", "state"];
const wanted = process.argv.slice(2).find((word) => word !== "--") ?? "";
const subject = SUBJECTS.includes(wanted) ? wanted : "network";
if (subject === wanted) process.argv.splice(process.argv.indexOf(wanted), 1);
await import(`./${subject}.js`);
