import { capabilities, createDriver } from '../../lib/drivers/embedded.driver.js';
import { createTempFolder } from '../support/temp-folder.js';
import { describeDriverContract } from './driver-contract.js';

let files = 0;
describeDriverContract({
  name: 'embedded',
  capabilities,
  createDriver,
  dataDir: createTempFolder(),
  freshOptions: () => ({ file: `${++files}.db` }),
});
