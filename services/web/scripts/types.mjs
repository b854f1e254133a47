// Makes src/api/schema.d.ts from the OpenAPI document. The generator lives in types/, with a TypeScript of its own.
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const web = join(dirname(fileURLToPath(import.meta.url)), "..");
const document = process.argv[2] ?? join(web, "../../proto/gen/openapi/kontor.openapi.yaml");
const generator = join(web, "types/node_modules/.bin/openapi-typescript");
if (!existsSync(generator)) {
  execFileSync("npm", ["ci", "--no-audit", "--no-fund", "--silent"], {
    cwd: join(web, "types"),
    stdio: "inherit",
  });
}
execFileSync(generator, [document, "--output", join(web, "src/api/schema.d.ts"), "--alphabetize"], {
  stdio: "inherit",
});
