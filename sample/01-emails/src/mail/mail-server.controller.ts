import { Controller, HttpCode, Post } from '@nestjs/common';
import { Refusals } from './refusals.js';

/** The mail server's good and bad days, by hand. */
@Controller('mail-server')
export class MailServerController {
  constructor(private readonly refusals: Refusals) {}

  /** From now on every mail is taken; what has failed before can be replayed. */
  @Post('accept-all')
  @HttpCode(200)
  acceptAll(): { readonly released: number } {
    return { released: this.refusals.clear() };
  }
}
