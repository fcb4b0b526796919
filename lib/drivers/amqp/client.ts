/** The few members of `amqplib` that are used: its own types never leave this folder. */
export interface AmqpClient {
  connect(url: string, socketOptions: Readonly<Record<string, unknown>>): Promise<AmqpModel>;
}

/** A connection. */
export interface AmqpModel extends AmqpEmitter {
  createChannel(): Promise<AmqpChannel>;
  createConfirmChannel(): Promise<AmqpConfirmChannel>;
  close(): Promise<void>;
  /** Under its name of 0.10 to 2.x; a frozen socket has to be destroyed, a good-bye would wait for ever. */
  readonly connection?: { readonly stream?: { destroy(error?: Error): void; readonly writableEnded?: boolean } };
}

interface AmqpEmitter {
  on(event: string, listener: (...facts: never[]) => void): unknown;
}

/** What a declaration of a queue answers. */
export interface QueueFacts {
  readonly queue: string;
  readonly messageCount: number;
  readonly consumerCount: number;
}

export interface QueueSettings {
  readonly durable: boolean;
  readonly autoDelete: boolean;
  readonly exclusive: boolean;
  readonly arguments: Readonly<Record<string, unknown>>;
}

export interface AmqpChannel extends AmqpEmitter {
  assertExchange(exchange: string, type: string, options: { readonly durable: boolean; readonly autoDelete: boolean }): Promise<unknown>;
  checkExchange(exchange: string): Promise<unknown>;
  assertQueue(queue: string, options: QueueSettings): Promise<QueueFacts>;
  checkQueue(queue: string): Promise<QueueFacts>;
  bindQueue(queue: string, exchange: string, routingKey: string): Promise<unknown>;
  deleteQueue(queue: string): Promise<unknown>;
  purgeQueue(queue: string): Promise<{ readonly messageCount: number }>;
  prefetch(count: number): Promise<unknown>;
  consume(
    queue: string,
    onMessage: (message: AmqpMessage | null) => void,
    options: { readonly consumerTag?: string },
  ): Promise<{ readonly consumerTag: string }>;
  cancel(consumerTag: string): Promise<unknown>;
  ack(message: AmqpMessage, allUpTo: boolean): void;
  nack(message: AmqpMessage, allUpTo: boolean, requeue: boolean): void;
  close(): Promise<void>;
}

export interface AmqpConfirmChannel extends AmqpChannel {
  publish(exchange: string, routingKey: string, content: Buffer, options: PublishSettings): boolean;
  /** Its number. Like the connection no part of the documented interface; the same in 0.10 to 2.x. */
  readonly ch?: number;
  readonly connection?: {
    readonly frameMax?: number;
    /** By their numbers; `null` for those that have ended. What is written to a buffer goes to the broker in order, with that of other channels between. */
    readonly channels?: readonly ({ readonly buffer?: { write(bytes: Uint8Array): boolean } } | null | undefined)[];
  };
}

export interface PublishSettings {
  readonly mandatory: boolean;
  readonly deliveryMode: 2;
  readonly contentType: string;
  /** Unit: Unix seconds. */
  readonly timestamp: number;
  /** From 0; higher is handed out earlier. */
  readonly priority?: number;
  readonly headers: Readonly<Record<string, unknown>>;
}

export interface AmqpMessage {
  readonly content: Buffer;
  readonly fields: { readonly deliveryTag: number; readonly redelivered: boolean; readonly routingKey: string; readonly exchange: string };
  readonly properties: { readonly headers?: Readonly<Record<string, unknown>> | undefined };
}

/** What comes back when no queue takes a message. */
export interface ReturnedMessage {
  readonly fields: { readonly replyCode: number; readonly replyText: string; readonly exchange: string; readonly routingKey: string };
  readonly properties: { readonly headers?: Readonly<Record<string, unknown>> | undefined };
}
