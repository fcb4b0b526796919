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

/** What all jobs of one name have in common that come through one pipeline. */
interface Surroundings {
  readonly driver: string;
  readonly queue: string;
  /** From behind the id up to the headers, and on from there. */
  readonly before: string;
  readonly after: string;
  /** All from behind the id on, of a job that has no more to say. */
  readonly plain: string;
}

/** Writes the contexts of jobs. */
export class JobContexts {
  readonly #quoted = new Map<string, string>();
  /** By pipeline and name. */
  readonly #surroundings = new Map<string, Map<string, Surroundings>>();

  write(job: Job, control: JobControl, isOurs: boolean): string {
    const { headers, kafka } = job;
    const { attempt } = control;
    const { before, after, plain } = this.#surroundingsOf(job, control);
    const isFirst = attempt === 1 || !isOurs;
    if (headers === NO_HEADERS && kafka === undefined && isFirst) return `{"id":${quote(job.id)}${plain}`;
    let text = `{"id":${quote(job.id)}${before}${this.#headers(headers)}${after}`;
    if (kafka !== undefined) text += `,"topic":${this.#quote(kafka.topic)},"partition":${kafka.partition},"offset":${kafka.offset}`;
    if (!isFirst) text += `,"nrr":{"attempt":${attempt}}`;
    return `${text}}`;
  }

  #surroundingsOf({ name, pipeline }: Job, { driver, queue }: JobControl): Surroundings {
    const known = this.#surroundings.get(pipeline)?.get(name);
    if (known?.driver === driver && known.queue === queue) return known;
    let ofPipeline = this.#surroundings.get(pipeline);
    if (ofPipeline === undefined || ofPipeline.size >= MAX_QUOTED) {
      if (this.#surroundings.size >= MAX_QUOTED) this.#surroundings.clear();
      this.#surroundings.set(pipeline, (ofPipeline = new Map<string, Surroundings>()));
    }
    const before = `,"job":${this.#quote(name)},"driver":${this.#quote(driver)},"headers":`;
    const after = `${driver !== QUEUELESS && queue !== '' ? `,"queue":${this.#quote(queue)}` : ''},"pipeline":${this.#quote(pipeline)}`;
    const found = { driver, queue, before: inOnePiece(before), after: inOnePiece(after), plain: inOnePiece(`${before}{}${after}}`) };
    ofPipeline.set(name, found);
    return found;
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

// A text that was put together is a tree of its parts, which V8 walks whenever it is written.
function inOnePiece(text: string): string {
  return Buffer.from(text).toString();
}
