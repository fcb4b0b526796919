import protobuf from 'protobufjs/minimal.js';
import type { PipelineStat } from '../contract/jobs-api.js';
import { AnswerError } from './answer-error.js';
import { readFields, writeMessage, type MessageAnswer } from './body.js';
import { FrameFlag } from './frame.js';
import { jobs, status } from './generated/messages.js';
import { INVALID_PROTO, INVALID_TEXT } from './proto-cursor.js';

// Messages of `jobs` and `status` besides the pushes (proto/), in every codec that may carry them. Fields that are zero are left
// out in protobuf and JSON; MessagePack has all of them, under the names of the Go structs.

const { DeclareRequest, Empty, Pipelines, Stats } = jobs.v1;
const { Request, Response } = status.v1;

/** The code with which a strict TextDecoder fails. */
const NOT_UTF8 = 'ERR_ENCODING_INVALID_ENCODED_DATA';
const NO_BYTES = new Uint8Array(0);
const EMPTY: MessageAnswer = { proto: () => NO_BYTES, json: {}, msgpack: {} };

/** Health of a service, in the words of HTTP. */
export interface ServiceStatus {
  readonly code: number;
  readonly message: string;
}

/** @throws AnswerError when the body is no empty message; unknown fields are allowed. */
export function readEmpty(body: Uint8Array, codec: number): void {
  if (codec === FrameFlag.proto) decodeProto(Empty, body);
  else readFields(body, codec, 'Empty', 'struct');
}

export function writeEmpty(codec: number): Uint8Array {
  return writeMessage(EMPTY, codec);
}

/** Names of pipelines. @throws AnswerError when the body is something else. */
export function readPipelines(body: Uint8Array, codec: number): string[] {
  if (codec === FrameFlag.proto) return decodeProto(Pipelines, body).pipelines;
  return readFields(body, codec, 'Pipelines', 'slice').texts('pipelines');
}

export function writePipelines(names: readonly string[], codec: number): Uint8Array {
  const answer: MessageAnswer = {
    proto: () => Pipelines.encode({ pipelines: [...names] }).finish(),
    json: { pipelines: names.length === 0 ? undefined : names },
    msgpack: { Pipelines: names },
  };
  return writeMessage(answer, codec);
}

/** A Declare map without prototype. @throws AnswerError when the body is something else. */
export function readDeclare(body: Uint8Array, codec: number): Readonly<Record<string, string>> {
  if (codec !== FrameFlag.proto) return readFields(body, codec, 'DeclareRequest', 'map').textMap('pipeline');
  return Object.assign(Object.create(null) as Record<string, string>, decodeProto(DeclareRequest, body).pipeline);
}

export function writeDeclare(pipeline: Readonly<Record<string, string>>, codec: number): Uint8Array {
  const answer: MessageAnswer = {
    proto: () => DeclareRequest.encode({ pipeline }).finish(),
    json: { pipeline },
    msgpack: { Pipeline: pipeline },
  };
  return writeMessage(answer, codec);
}

/** States of pipelines. @throws AnswerError when the body is something else. */
export function readStats(body: Uint8Array): PipelineStat[] {
  return decodeProto(Stats, body).stats.map(({ pipeline, driver, queue, active, delayed, reserved, ready, priority }) => ({
    pipeline: pipeline ?? '',
    driver: driver ?? '',
    queue: queue ?? '',
    active: numberOf(active),
    delayed: numberOf(delayed),
    reserved: numberOf(reserved),
    ready: ready ?? false,
    priority: numberOf(priority),
  }));
}

export function writeStats(stats: readonly PipelineStat[], codec: number): Uint8Array {
  const answer: MessageAnswer = {
    proto: () => Stats.encode({ stats: [...stats] }).finish(),
    json: { stats: stats.length === 0 ? undefined : stats.map(jsonStat) },
    msgpack: { Stats: stats.map(goStat) },
  };
  return writeMessage(answer, codec);
}

/** The name of a service. @throws AnswerError when the body is something else. */
export function readStatusRequest(body: Uint8Array, codec: number): string {
  if (codec === FrameFlag.proto) return decodeProto(Request, body).plugin;
  return readFields(body, codec, 'Request', 'string').text('plugin');
}

export function writeStatus({ code, message }: ServiceStatus, codec: number): Uint8Array {
  const answer: MessageAnswer = {
    proto: () => Response.encode({ code, message }).finish(),
    json: { code: code || undefined, message: message || undefined },
    msgpack: { Code: code, Message: message },
  };
  return writeMessage(answer, codec);
}

/** The priority as the wire has it: unsigned, so that one below 0 is a number near 2^64. */
export function unsignedPriority(priority: number): bigint {
  return BigInt.asUintN(64, BigInt(priority));
}

function jsonStat({ pipeline, driver, queue, active, delayed, reserved, ready, priority }: PipelineStat) {
  return {
    pipeline: pipeline || undefined,
    driver: driver || undefined,
    queue: queue || undefined,
    active: active || undefined,
    delayed: delayed || undefined,
    reserved: reserved || undefined,
    ready: ready || undefined,
    priority: unsignedPriority(priority) || undefined,
  };
}

function goStat({ pipeline, driver, queue, active, delayed, reserved, ready, priority }: PipelineStat) {
  return {
    ...{ Pipeline: pipeline, Driver: driver, Queue: queue, Active: active, Delayed: delayed, Reserved: reserved },
    ...{ Ready: ready, Priority: unsignedPriority(priority) },
  };
}

function decodeProto<T>(type: { decode(reader: protobuf.Reader): T }, body: Uint8Array): T {
  const reader = protobuf.Reader.create(body);
  reader.discardUnknown = true;
  try {
    return type.decode(reader);
  } catch (error) {
    throw new AnswerError((error as { code?: unknown }).code === NOT_UTF8 ? INVALID_TEXT : INVALID_PROTO);
  }
}

/** A priority above 2^63 is one below 0. */
function numberOf(value: number | { toSigned(): { toNumber(): number } } | null | undefined): number {
  if (typeof value === 'number') return value;
  return value === null || value === undefined ? 0 : value.toSigned().toNumber();
}
