// Nest's own transports, as their documentation has them: events are emitted by a client and handled by a controller of a microservice.
import { ALWAYS, Arrivals, BODY, importPeer, inLots } from './subject.mjs';

/**
 * @param {object} settings
 * @param {object} settings.server - Options of the microservice.
 * @param {object} settings.client - Options of the client.
 * @param {string} settings.pattern
 * @param {number} settings.atOnce
 * @param {(context: any) => unknown} [settings.handled] - What a handler does beside its work.
 * @param {() => Promise<unknown>} [settings.close]
 * @returns {Promise<import('./subject.mjs').Subject>}
 */
export async function openNest({ server, client: clientOptions, pattern, atOnce, handled = () => {}, close = async () => {} }) {
  await importPeer('reflect-metadata');
  const { Controller, Module } = await importPeer('@nestjs/common');
  const { NestFactory } = await importPeer('@nestjs/core');
  const { ClientProxyFactory, Ctx, EventPattern, Payload } = await importPeer('@nestjs/microservices');
  const { lastValueFrom } = await importPeer('rxjs');
  const arrivals = new Arrivals();
  class Handlers {
    /**
     * @param {{ to: string }} mail
     * @param {unknown} context
     */
    async handle(mail, context) {
      arrivals.handled(mail.to.length);
      handled(context);
    }
  }
  const descriptor = /** @type {PropertyDescriptor} */ (Object.getOwnPropertyDescriptor(Handlers.prototype, 'handle'));
  Payload()(Handlers.prototype, 'handle', 0);
  Ctx()(Handlers.prototype, 'handle', 1);
  EventPattern(pattern)(Handlers.prototype, 'handle', descriptor);
  Controller()(Handlers);
  class App {}
  Module({ controllers: [Handlers] })(App);
  const app = await NestFactory.createMicroservice(App, { ...server, logger: false });
  await app.listen();
  const client = ClientProxyFactory.create(clientOptions);
  await client.connect();
  const mail = JSON.parse(String(BODY));
  return {
    ...ALWAYS,
    arrivals,
    push: (jobs) => inLots(jobs, atOnce, () => lastValueFrom(client.emit(pattern, mail), { defaultValue: undefined })),
    close: async () => {
      await client.close();
      await app.close();
      await close();
    },
  };
}
