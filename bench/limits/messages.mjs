// The messages of jobs.v1 as protobufjs reads and writes them.
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';

const root = protobuf.loadSync(fileURLToPath(new URL('../../proto/jobs/v1/jobs.proto', import.meta.url)));
export const PushRequest = root.lookupType('jobs.v1.PushRequest');
export const PushBatchRequest = root.lookupType('jobs.v1.PushBatchRequest');
