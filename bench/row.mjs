// The process of one row: `node --expose-gc bench/row.mjs <file> <row>`. Sends its numbers to the parent, or prints them.
const [file, name] = process.argv.slice(2);
const { rows } = await import(new URL(`./rows/${file}.mjs`, import.meta.url).href);
if (!Object.hasOwn(rows, name)) throw new Error(`There is no row "${name}" in ${file}. There are: ${Object.keys(rows).join(', ')}.`);
const numbers = await rows[name]();
// A kernel that consumes keeps its process alive.
if (process.send === undefined) process.stdout.write(`${JSON.stringify(numbers)}\n`, () => process.exit());
else process.send(numbers, () => process.exit());
