import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { UnrecoverableJobError } from 'nestjs-roadrunner';
import type { OrderDto } from './order.dto.js';
import { Unsubscribed } from './unsubscribed.js';

@Injectable()
export class WantsMailsGuard implements CanActivate {
  constructor(private readonly unsubscribed: Unsubscribed) {}

  /** @throws UnrecoverableJobError when the address is unsubscribed: another attempt would change nothing. */
  canActivate(context: ExecutionContext): boolean {
    const { email } = context.switchToRpc().getData<OrderDto>();
    if (this.unsubscribed.has(email)) throw new UnrecoverableJobError(`${email} wants no such mails.`);
    return true;
  }
}
