import { once } from 'node:events';
import { Agent, request, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { Injectable } from '@nestjs/common';
import type { Signup } from './signup-file.js';
import { TakenSignups } from './taken-signups.js';

/** A signup that the API did not take. */
export interface RefusedSignup {
  readonly email: string;
  readonly reason: string;
}

const REQUESTS_AT_ONCE = 4;

/** Signs people up as a browser would: one `POST /signup` each. */
@Injectable()
export class SignupFeed {
  constructor(private readonly taken: TakenSignups) {}

  /** Notes those that were taken and answers the others. */
  async send(url: string, signups: readonly Signup[]): Promise<RefusedSignup[]> {
    const agent = new Agent({ keepAlive: true });
    const refused: RefusedSignup[] = [];
    const waiting = signups.values();
    const sendNext = async (): Promise<void> => {
      for (const signup of waiting) {
        const reason = await post(agent, `${url}/signup`, signup);
        if (reason === undefined) this.taken.add(signup.email);
        else refused.push({ email: signup.email, reason });
      }
    };
    await Promise.all(Array.from({ length: REQUESTS_AT_ONCE }, sendNext));
    agent.destroy();
    return refused;
  }
}

/** Why it was not taken, if so. `node:http` takes less of the one processor that the mails need too than `fetch` does. */
async function post(agent: Agent, url: string, { email, name }: Signup): Promise<string | undefined> {
  try {
    const outgoing = request(url, { method: 'POST', agent, headers: { 'content-type': 'application/json', 'x-source': 'csv' } });
    outgoing.end(JSON.stringify({ email, name }));
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    const body = await text(response);
    return response.statusCode === 202 ? undefined : `${response.statusCode} ${body}`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
