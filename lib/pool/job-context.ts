import type { JobControl } from '../contract/executor.js';
import { NO_HEADERS, type Job, type JobHeaders } from '../contract/job.js';

// The context of a job, as RoadRunner 2025.1.15 writes it (recorded: test/fixtures/goridge, worker-php-*): JSON in this order, without spaces,
// with the names of headers sorted and the characters < > & U+2028 U+2029 escaped as Go does.
//
//   {"id":"…","job":"…","driver":"memory","headers":{"name":["value"]},"pipeline":"…"}
//
// Drivers other than memory write "queue" before "pipeline"; kafka also "topic", "partition" and "offset". For a worker of this library
// "nrr":{"attempt":N} stands at the end when the job has run before.

/** The driver whose contexts have no queue. */
const QUEUELESS = 'memory';
/** Texts that are kept quoted: names of jobs, pipelines and headers come again and again. */
const MAX_QUOTED = 1_024;
/** What stands in JSON as it is: ids, most names. */
const PLAIN = /^[\w.:/ -]*$/;
const ESCAPED = /[<>&\u2028\u2029]/;
const ALL_ESCAPED = /[<>&\u2028\u2029]/g;

/** Writes the contexts of jobs. */
export class JobContexts {
  readonly #quoted = new Map<string, string>();

  write({ id, name, headers, pipeline, kafka }: Job, { driver, queue, attempt }: JobControl, isOurs: boolean): string {
    let text = `{"id":${quote(id)},"job":${this.#quote(name)},"driver":${this.#quote(driver)},"headers":${this.#headers(headers)}`;
    if (driver !== QUEUELESS && queue !== '') text += `,"queue":${this.#quote(queue)}`;
    text += `,"pipeline":${this.#quote(pipeline)}`;
    if (kafka !== undefined) text += `,"topic":${this.#quote(kafka.topic)},"partition":${kafka.partition},"offset":${kafka.offset}`;
    if (isOurs && attempt > 1) text += `,"nrr":{"attempt":${attempt}}`;
    return `${text}}`;
  }

  #headers(headers: JobHeaders): string {
    if (headers === NO_HEADERS) return '{}';
    const names = Object.keys(headers);
    if (names.length > 1) names.sort();
    let text = '';
    for (const name of names) text += `${text === '' ? '' : ','}${this.#quote(name)}:[${headers[name].map(quote).join(',')}]`;
    return `{${text}}`;
  }

  #quote(text: string): string {
    const known = this.#quoted.get(text);
    if (known !== undefined) return known;
    if (this.#quoted.size >= MAX_QUOTED) this.#quoted.clear();
    const quoted = quote(text);
    this.#quoted.set(text, quoted);
    return quoted;
  }
}

function quote(text: string): string {
  if (PLAIN.test(text)) return `"${text}"`;
  const quoted = JSON.stringify(text);
  if (!ESCAPED.test(quoted)) return quoted;
  return quoted.replace(ALL_ESCAPED, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
