import { Injectable } from '@nestjs/common';

/** Addresses that want no mails but the necessary ones. */
@Injectable()
export class Unsubscribed {
  private readonly addresses = new Set<string>();

  add(email: string): void {
    this.addresses.add(email);
  }

  has(email: string): boolean {
    return this.addresses.has(email);
  }
}
