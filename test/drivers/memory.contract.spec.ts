import { capabilities, createDriver } from '../../lib/drivers/memory.driver.js';
import { createVirtualTime } from '../support/virtual-time.js';
import { describeDriverContract } from './driver-contract.js';

describeDriverContract({ name: 'memory', capabilities, createDriver, freshOptions: () => ({ maxJobs: 20_000 }), createTime: createVirtualTime });
