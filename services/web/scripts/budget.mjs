// Compresses what the build made, so that the gateway need not, and fails when what a browser loads before the first
// screen is above the budget.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const BUDGET_KB = 250;
const dist = join(dirname(fileURLToPath(import.meta.url)), "../dist");
const html = readFileSync(join(dist, "index.html"), "utf8");
const first = [...html.matchAll(/(?:src|href)="\/(assets\/[^"]+\.(?:js|css))"/g)].map((m) => m[1]);
for (const name of readdirSync(join(dist, "assets")).filter((file) => /\.(js|css)$/.test(file))) {
  const path = join(dist, "assets", name);
  writeFileSync(`${path}.gz`, gzipSync(readFileSync(path), { level: 9 }));
}
const size = (name) => readFileSync(join(dist, `${name}.gz`)).length / 1024;
const total = first.reduce((sum, name) => sum + size(name), 0);
const routes = readdirSync(join(dist, "assets"))
  .filter((name) => /\.(js|css)$/.test(name) && !first.includes(`assets/${name}`))
  .map((name) => ({ name, kb: size(`assets/${name}`) }))
  .toSorted((a, b) => b.kb - a.kb);
const report = [
  `first load ${total.toFixed(1)} kB gz of ${BUDGET_KB}`,
  ...routes.slice(0, 6).map((r) => `  later: ${r.name} ${r.kb.toFixed(1)} kB`),
];
process.stdout.write(`${report.join("\n")}\n`);
if (total > BUDGET_KB) {
  process.stderr.write("The first load is above its budget: split a route or drop a dependency.\n");
  process.exit(1);
}
