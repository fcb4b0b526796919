import { JobsArgumentError } from '../contract/errors.js';
import { HandlerConflictError } from '../contract/job-errors.js';
import type { Handler } from './handler.js';

/** Which jobs a handler takes. */
export interface HandlerRoute {
  /** Exact, or with wildcards (`email.*`); `undefined` takes the jobs that no other handler of the queue takes. */
  readonly name: string | undefined;
  /** Exact, or with wildcards (`tenant-*`); `undefined` is every queue. */
  readonly queue: string | undefined;
}

interface Entry extends HandlerRoute {
  readonly handler: Handler;
}

/** Remembered look-ups; names come from producers, so there may be any number of them. */
const MAX_CACHED = 10_000;

/**
 * Finds the handler of a job. The most specific wins: an exact queue, then a pattern, then none; inside that an exact
 * name, then the longest pattern, then the default.
 */
export class HandlerRegistry {
  readonly #entries: Entry[] = [];
  readonly #cache = new Map<string, Map<string, Handler>>();
  #cached = 0;
  /** The look-up before: most jobs are of the kind of the one before. */
  #last: Handler | undefined;
  #lastQueue: string | undefined;
  #lastName: string | undefined;

  /** @throws HandlerConflictError when the same name of the same queue is taken. */
  add(route: HandlerRoute, handler: Handler): void {
    if (route.name === '') throw new JobsArgumentError(`${handler.label} handles jobs with an empty name. Give a name of at least one character.`);
    if (route.queue === '')
      throw new JobsArgumentError(`${handler.label} handles a queue with an empty name. Leave "queue" out to take every queue.`);
    const taken = this.#entries.find((entry) => entry.name === route.name && entry.queue === route.queue);
    if (taken !== undefined) {
      const job = route.name === undefined ? 'the jobs that no other handler takes' : `job "${route.name}"`;
      throw new HandlerConflictError(job, route.queue, taken.handler.label, handler.label);
    }
    this.#entries.push({ ...route, handler });
    this.#entries.sort((a, b) => rank(b.queue) - rank(a.queue) || rank(b.name) - rank(a.name));
    this.#cache.clear();
    this.#cached = 0;
    this.#lastQueue = undefined;
  }

  get routes(): readonly (HandlerRoute & { readonly handler: Handler })[] {
    return this.#entries;
  }

  find(queue: string, name: string): Handler | undefined {
    if (queue !== this.#lastQueue || name !== this.#lastName) {
      this.#last = this.#cache.get(queue)?.get(name) ?? this.#search(queue, name);
      this.#lastQueue = queue;
      this.#lastName = name;
    }
    return this.#last;
  }

  // Entries are in the order in which they win.
  #search(queue: string, name: string): Handler | undefined {
    const entry = this.#entries.find((one) => matches(one.queue, queue) && matches(one.name, name));
    if (entry === undefined) return undefined;
    if (this.#cached++ >= MAX_CACHED) {
      this.#cache.clear();
      this.#cached = 1;
    }
    let names = this.#cache.get(queue);
    if (names === undefined) this.#cache.set(queue, (names = new Map<string, Handler>()));
    names.set(name, entry.handler);
    return entry.handler;
  }
}

export function isPattern(text: string): boolean {
  return text.includes('*');
}

/** Exact texts first, then patterns by their length, then none. */
function rank(text: string | undefined): number {
  if (text === undefined) return 0;
  return isPattern(text) ? text.length : Number.MAX_SAFE_INTEGER;
}

function matches(pattern: string | undefined, text: string): boolean {
  if (pattern === undefined || pattern === text) return true;
  return isPattern(pattern) && matchesParts(pattern.split('*'), text);
}

// The parts between the stars, one after another: linear, unlike a regular expression over foreign text.
function matchesParts(parts: readonly string[], text: string): boolean {
  const first = parts[0]!;
  const last = parts.at(-1)!;
  if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last)) return false;
  const end = text.length - last.length;
  let at = first.length;
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, at);
    if (found === -1 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}
