import * as v from 'valibot';
import { about, closed, flag, oneOf, type Schema, text } from '../schema.js';
import type { Span } from './go-duration.js';
import { textList } from './values.js';

const DEFAULT_BEANSTALK_TIMEOUT = '30s';
const DEFAULT_KAFKA_TIMEOUT = '10s';

/** Settings of a broker that all pipelines of a driver share, by camelCase name. */
export type DriverSection = Readonly<Record<string, unknown>>;

/**
 * The global sections of drivers, by name.
 *
 * @param span - How durations are written.
 */
export function driverSections(span: Span): Readonly<Record<string, Schema<DriverSection>>> {
  const sections = {
    amqp: closed({
      addr: v.optional(
        about('The address of the broker.', text('an address such as "amqp://guest:guest@127.0.0.1:5672/"')),
        'amqp://guest:guest@127.0.0.1:5672/',
      ),
      tls: v.optional(about('Presence switches TLS on.', closed(tlsEntries()))),
    }),
    beanstalk: closed({
      addr: v.optional(about('The address of the broker.', text('an address such as "tcp://127.0.0.1:11300"')), 'tcp://127.0.0.1:11300'),
      timeout: v.optional(about('How long a connect may take, and the time to run of every job.', span()), DEFAULT_BEANSTALK_TIMEOUT),
    }),
    sqs: closed({
      key: v.optional(about('The access key; used together with `secret` only.', text())),
      secret: v.optional(about('The secret of the access key.', text())),
      sessionToken: v.optional(about('The token of a session.', text())),
      region: v.optional(about('The region.', text())),
      endpoint: v.optional(about('The address of a server of your own.', text())),
    }),
    kafka: kafkaSection(span),
    nats: closed({ addr: v.optional(about('The address of the server.', text()), 'nats://127.0.0.1:4222') }),
    google_pub_sub: closed({
      endpoint: v.optional(about('Host and port of the server.', text()), '127.0.0.1:8085'),
      insecure: v.optional(about('Without authentication and encryption, for an emulator.', flag()), false),
    }),
    boltdb: closed({
      file: v.optional(about('Taken and not used, as in RoadRunner: the file is an option of the pipeline.', text())),
      permissions: v.optional(about('Taken and not used, as in RoadRunner.', v.unknown())),
      interval: v.optional(about('Taken and not used, as in RoadRunner.', v.unknown())),
    }),
  };
  return Object.fromEntries(
    Object.entries(sections).map(([name, schema]) => [name, about<DriverSection>(`What all pipelines of the driver \`${name}\` share.`, schema)]),
  );
}

function kafkaSection(span: Span) {
  return closed({
    brokers: v.optional(about('Host and port of each broker.', textList('a list of brokers, each as "host:port"')), []),
    ping: v.optional(
      about('The look for the brokers at boot.', closed({ timeout: v.optional(about('How long it may take.', span()), DEFAULT_KAFKA_TIMEOUT) })),
    ),
    tls: v.optional(
      about(
        'On when `key` and `cert`, or `root_ca`, are given.',
        closed({ ...tlsEntries(), timeout: v.optional(about('How long a connect may take.', span()), DEFAULT_KAFKA_TIMEOUT) }),
      ),
    ),
    sasl: v.optional(
      about(
        'How this side proves who it is.',
        closed({
          mechanism: v.optional(about('The kind of proof.', oneOf(['plain', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'aws_msk_iam']))),
          username: v.optional(about('For plain and SCRAM.', text())),
          password: v.optional(about('For plain and SCRAM.', text())),
          zid: v.optional(about('For plain and SCRAM: the identity to act as.', text())),
          nonce: v.optional(about('For SCRAM: used instead of a random one.', text())),
          isToken: v.optional(about('For SCRAM: the password is a delegation token.', flag()), false),
          accessKey: v.optional(about('For AWS.', text())),
          secretKey: v.optional(about('For AWS.', text())),
          sessionToken: v.optional(about('For AWS.', text())),
          userAgent: v.optional(about('For AWS.', text())),
        }),
      ),
    ),
  });
}

function tlsEntries() {
  return {
    key: v.optional(about('The path of the private key.', text())),
    cert: v.optional(about('The path of the certificate.', text())),
    rootCa: v.optional(about('The path of the certificates that are trusted besides those of the machine.', text())),
    clientAuthType: v.optional(about('Has no effect on a client.', text())),
  };
}
