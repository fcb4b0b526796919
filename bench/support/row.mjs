// The process of one row: `node --expose-gc bench/support/row.mjs <file> <variant>`. Sends its numbers to the parent, or prints them.
const [file, variant] = process.argv.slice(2);
const { variants } = await import(new URL(`../rows/${file}.mjs`, import.meta.url).href);
const measure = variants[variant];
if (measure === undefined) throw new Error(`There is no row "${variant}" in ${file}. There are: ${Object.keys(variants).join(', ')}.`);
const numbers = await measure();
if (process.send === undefined) console.log(numbers);
else process.send(numbers, () => process.exit());
