// Adds the error answer, which the generator leaves out, to every operation of an OpenAPI document.
import { readFileSync, writeFileSync } from 'node:fs';

const file = process.argv[2];
const answer = "      responses:\n        default:\n          $ref: '#/components/responses/Problem'\n";
const text = readFileSync(file, 'utf8');
const out = text.replaceAll(answer, '      responses:\n').replaceAll(/^ {6}responses:\n/gm, answer);
if (out === text) throw new Error(`${file}: no operation found`);
writeFileSync(file, out);
