import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { SMTPServer, type SMTPServerDataStream, type SMTPServerSession } from 'smtp-server';
import { Outbox } from './outbox.js';
import { Refusals } from './refusals.js';

const HOST = '127.0.0.1';
const CLOSE_TIMEOUT_MS = 1_000;

/** A real SMTP server on a free port of this machine. It stands for the one that your application would use. */
@Injectable()
export class MailServer implements OnModuleInit, OnApplicationShutdown {
  private readonly server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['AUTH', 'STARTTLS'],
    disableReverseLookup: true,
    logger: false,
    closeTimeout: CLOSE_TIMEOUT_MS,
    onRcptTo: ({ address }, _session, answer) => answer(this.refusalOf(address)),
    onData: (stream, session, answer) => {
      this.take(stream, session).then(() => answer(), answer);
    },
  });

  constructor(
    private readonly outbox: Outbox,
    private readonly refusals: Refusals,
  ) {}

  get address(): { readonly host: string; readonly port: number } {
    return { host: HOST, port: (this.server.server.address() as AddressInfo).port };
  }

  async onModuleInit(): Promise<void> {
    this.server.on('error', () => {}); // A client that hangs up is no news; its mail fails at the sender.
    await once(this.server.listen(0, HOST), 'listening');
  }

  async onApplicationShutdown(): Promise<void> {
    await new Promise<void>((resolve) => this.server.close(resolve));
  }

  private refusalOf(address: string): Error | undefined {
    const refusal = this.refusals.next(address);
    return refusal === undefined ? undefined : Object.assign(new Error(refusal.text), { responseCode: refusal.code });
  }

  private async take(stream: SMTPServerDataStream, { envelope }: SMTPServerSession): Promise<void> {
    const mail = await buffer(stream);
    for (const { address } of envelope.rcptTo) await this.outbox.write(address, mail);
  }
}
