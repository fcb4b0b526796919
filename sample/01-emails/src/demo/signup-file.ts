import { readFile } from 'node:fs/promises';
import type { MailboxMood } from '../mail/refusals.js';
import { parseCsv } from './csv.js';

/** One line of the file: who signs up, and what the mail server does with the mails. */
export interface Signup {
  readonly email: string;
  readonly name: string;
  readonly expect: MailboxMood;
}

const COLUMNS = ['email', 'name', 'expect'] as const satisfies readonly (keyof Signup)[];
const MOODS: readonly string[] = ['ok', 'refused-once', 'refused-always'] satisfies MailboxMood[];

/** Reads a file with the columns email, name and expect, in any order. */
export async function readSignups(file: string): Promise<Signup[]> {
  const [header = [], ...rows] = parseCsv(await readFile(file, 'utf8'));
  const places = COLUMNS.map((column) => header.indexOf(column));
  if (places.includes(-1)) throw new Error(`${file} has the columns "${header.join(', ')}". It needs ${COLUMNS.join(', ')}.`);
  return rows.map((row, index) => {
    const [email = '', name = '', expect = ''] = places.map((place) => row[place]);
    if (MOODS.includes(expect)) return { email, name, expect: expect as MailboxMood };
    throw new Error(`${file}, row ${index + 1}: expect is "${expect}". Use ${MOODS.join(', ')}.`);
  });
}
